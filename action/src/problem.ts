// What goes wrong: a stable code, what happened, what to do. Those of daypass itself are passed on as they are.

export class Problem extends Error {
  readonly code: string
  readonly hint: string | undefined

  constructor(code: string, message: string, hint?: string) {
    super(message)
    this.code = code
    this.hint = hint
  }

  static of(error: unknown): Problem {
    if (error instanceof Problem) return error
    const text = error instanceof Error ? error.message : String(error)
    // Of a system call on a file: its code, and the path where there is one.
    if (error instanceof Error && 'syscall' in error && 'code' in error) {
      return new Problem('action.file_failed', printable(text), 'may the runner write there, and is there space?')
    }
    return new Problem('action.internal', text, 'this is a defect of the Action')
  }

  /** The text of an annotation. */
  get text(): string {
    return this.hint === undefined ? this.message : `${this.message}\nhint: ${this.hint}`
  }
}

/** Runners know commands of an older form too, and find them in the middle of a line. */
export function harmless(text: string): string {
  return text.replace(/##(?=\[|vso\[)/gi, '#\\#')
}

/** Text from elsewhere: one line of at most 300 characters without control characters. */
export function printable(text: string): string {
  const plain = harmless(text.replace(/[\p{C}\p{Zl}\p{Zp}]+/gu, ' ').trim())
  return plain.length > 300 ? `${plain.slice(0, 299)}…` : plain
}
