/**
 * What a mistyped name was meant to be.
 */

/** The least number of letters to put in, take out or change (Levenshtein's distance). */
const distance = (a: string, b: string): number => {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      next.push(Math.min((row[j] ?? 0) + (letter === other ? 0 : 1), (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}

/** Whether one is the other with words cut short, as `FREQ_PENALTY` is `FREQUENCY_PENALTY`. */
const isCutShort = (a: string, b: string): boolean => {
  const words = a.split("_")
  const others = b.split("_")
  return (
    words.length === others.length &&
    words.every((word, index) => {
      const other = others[index] ?? ""
      return Math.min(word.length, other.length) > 2 && (word.startsWith(other) || other.startsWith(word))
    })
  )
}

/** The known name that is most like this one, if one is: words are cut short, or at most a third of its letters wrong. */
export const nearest = (name: string, known: ReadonlyArray<string>): string | undefined => {
  const ranked = known
    .map((each) => ({ each, wrong: isCutShort(name, each) ? 0 : distance(name, each) }))
    .filter(({ each, wrong }) => wrong <= each.length / 3)
    .sort((a, b) => a.wrong - b.wrong)
  return ranked[0]?.each
}
