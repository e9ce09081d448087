// The body of an answer, as far as it is not longer than expected.

/** Returns the bytes, or undefined when there are more than `most`: the rest is not read. */
export async function readBody(answer: Response, most: number): Promise<Uint8Array | undefined> {
  if (Number(answer.headers.get('content-length')) > most) {
    await answer.body?.cancel()
    return undefined
  }
  const parts: Uint8Array[] = []
  let length = 0
  const reader = answer.body?.getReader()
  while (reader !== undefined) {
    const { done, value } = await reader.read()
    if (done) break
    length += value.length
    if (length > most) {
      await reader.cancel()
      return undefined
    }
    parts.push(value)
  }
  return Buffer.concat(parts)
}
