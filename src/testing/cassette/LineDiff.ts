/** What differs between two texts, line by line. */

interface Line {
  readonly mark: " " | "-" | "+"
  readonly text: string
}

/** Beyond so many pairs of lines, what differs is shown as one block: the best match is not worth its time. */
const maxPairs = 4_000_000

/** Lines around a difference that are shown with it. */
const around = 2

/** The most of a difference that is shown. */
const maxLines = 80
const maxWidth = 200

/** How much two texts are alike, from 0 to 1. Quick: it counts lines, wherever they stand. */
export const likeness = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): number => {
  const counts = new Map<string, number>()
  for (const line of before) counts.set(line, (counts.get(line) ?? 0) + 1)
  let shared = 0
  for (const line of after) {
    const left = counts.get(line) ?? 0
    if (left > 0) shared++
    counts.set(line, left - 1)
  }
  return (2 * shared) / Math.max(1, before.length + after.length)
}

/** `-` is what only the first has, `+` what only the second has; the first line, and a few that are alike around them. */
export const print = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): ReadonlyArray<string> => {
  const lines = diff(before, after)
  // The first line says what the texts are of.
  const isShown = lines.map(
    (_, index) => index === 0 || lines.slice(Math.max(0, index - around), index + around + 1).some(differs)
  )
  const out: Array<string> = []
  for (const [index, { mark, text }] of lines.entries()) {
    if (isShown[index] === true) out.push(`${mark} ${text.length > maxWidth ? `${text.slice(0, maxWidth)}…` : text}`)
    else if (isShown[index - 1] !== false) out.push("  …")
  }
  return out.length > maxLines ? [...out.slice(0, maxLines), `  … ${out.length - maxLines} lines more`] : out
}

const differs = ({ mark }: Line): boolean => mark !== " "

const diff = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): ReadonlyArray<Line> => {
  const most = Math.min(before.length, after.length)
  let head = 0
  while (head < most && before[head] === after[head]) head++
  let tail = 0
  while (tail < most - head && before.at(-1 - tail) === after.at(-1 - tail)) tail++
  return [
    ...marked(" ", before.slice(0, head)),
    ...middle(before.slice(head, before.length - tail), after.slice(head, after.length - tail)),
    ...marked(" ", before.slice(before.length - tail))
  ]
}

const marked = (mark: Line["mark"], lines: ReadonlyArray<string>): ReadonlyArray<Line> =>
  lines.map((text) => ({ mark, text }))

/** By the longest common subsequence. */
const middle = (before: ReadonlyArray<string>, after: ReadonlyArray<string>): ReadonlyArray<Line> => {
  if (before.length * after.length > maxPairs) return [...marked("-", before), ...marked("+", after)]
  const width = after.length + 1
  // At [i, j]: how many lines the rest of the one from i and the rest of the other from j share.
  const shared = new Uint32Array((before.length + 1) * width)
  const at = (i: number, j: number): number => shared[i * width + j] ?? 0
  for (let i = before.length - 1; i >= 0; i--) {
    for (let j = after.length - 1; j >= 0; j--) {
      shared[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: Array<Line> = []
  let [i, j] = [0, 0]
  while (i < before.length || j < after.length) {
    const [left, right] = [before[i], after[j]]
    if (left !== undefined && left === right) {
      lines.push({ mark: " ", text: left })
      i++
      j++
    } else if (left !== undefined && (right === undefined || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ mark: "-", text: left })
      i++
    } else {
      lines.push({ mark: "+", text: right ?? "" })
      j++
    }
  }
  return lines
}
