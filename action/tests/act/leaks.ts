// Whether a secret can be found: in any form, in any text that a job leaves or shows.

import assert from 'node:assert/strict'

import { forms } from '../../src/masks.ts'

export function assertNowhere(secrets: readonly string[], texts: ReadonlyMap<string, string>): void {
  const all = secrets.flatMap(forms)
  assert.ok(all.length > 10 && texts.size > 3)
  for (const [where, text] of texts) {
    for (const form of all) assert.ok(!text.includes(form), `${form} is in ${where}`)
  }
}
