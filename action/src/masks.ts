// The forms in which a secret can show up in a log. The runner is told to hide them all; it knows some by itself, but
// not HTTP Basic credentials, and other runners know none. The same list as `secret_forms` in the library.

const SHORTEST = 4
const SHORTEST_ENCODED = 8

/** Where base64 is wrapped: MIME (and `base64` of coreutils), PEM. */
const WIDTHS = [76, 64]

/** The secret as it is, URL-encoded, in JSON, in hexadecimal digits, in base64 alone or inside something longer. */
export function forms(secret: string): string[] {
  const form = formEncoded(secret)
  const json = JSON.stringify(secret).slice(1, -1)
  const bytes = Buffer.from(secret)
  const unreserved = form.replaceAll('%7E', '~').replaceAll('*', '%2A')
  const script = [encodeURIComponent, encodeURI].map(encode => encode(bytes.toString()))
  // Python's `urllib.parse.quote` leaves the slash.
  const quoted = unreserved.replaceAll('+', '%20').replaceAll('%2F', '/')
  const urls = [form, form.replaceAll('+', '%20'), unreserved, unreserved.replaceAll('+', '%20'), ...script, quoted]
  const texts = [secret, ...urls, ...urls.map(smallDigits)]
  texts.push(json, json.replaceAll('/', '\\/'), ascii(json), escaped(json, /[&<>]/g, false), escaped(json.replaceAll('\\"', '\\u0022'), /[&<>+'`]/g, true))
  const encoded = [bytes.toString('hex'), bytes.toString('hex').toUpperCase()]
  for (const text of [secret, form]) {
    encoded.push(Buffer.from(text).toString('base64'))
    for (let before = 0; before < 3; before += 1) encoded.push(...embedded(text, before))
  }
  // Programs wrap base64, and logs are masked line by line.
  for (const width of WIDTHS) encoded.push(...(bytes.toString('base64').match(new RegExp(`.{${width}}`, 'g')) ?? []))
  const long = (shortest: number) => (text: string) => text.length >= shortest
  return [...new Set([...texts.filter(long(SHORTEST)), ...encoded.filter(long(SHORTEST_ENCODED))])]
}

/** HTTP Basic credentials, encoded as both kinds of server want them. */
export function basic(id: string, secret: string): string[] {
  const encode = (id: string, secret: string) => Buffer.from(`${id}:${secret}`).toString('base64')
  return [...new Set([encode(id, secret), encode(formEncoded(id), formEncoded(secret))])]
}

/** What base64 makes of a text that has `before` bytes before it, as far as the neighbours do not matter. */
function embedded(text: string, before: number): string[] {
  const bytes = Buffer.concat([Buffer.alloc(before), Buffer.from(text)])
  const whole = bytes.toString('base64').replaceAll('=', '')
  const from = Math.ceil((before * 8) / 6)
  const to = bytes.length % 3 === 0 ? whole.length : whole.length - 1
  const part = whole.slice(from, to)
  return [part, part.replaceAll('+', '-').replaceAll('/', '_')]
}

function formEncoded(text: string): string {
  return new URLSearchParams({ x: text }).toString().slice(2)
}

function smallDigits(text: string): string {
  return text.replace(/%[0-9A-F]{2}/g, digits => digits.toLowerCase())
}

function ascii(json: string): string {
  return json.replace(/[^\0-\x7f]/g, unit => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** As in JSON that is safe in a web page: of Go (and with it Terraform and Docker), and of .NET, whose digits are large. */
function escaped(json: string, which: RegExp, large: boolean): string {
  return json.replace(which, sign => {
    const digits = sign.charCodeAt(0).toString(16).padStart(4, '0')
    return `\\u${large ? digits.toUpperCase() : digits}`
  })
}
