/**
 * Indentation that belongs to the source code, not to the text.
 */

/** A text without its indentation, and where it began: how many lines above it are gone, and how many columns at its left. */
export interface Dedented {
  readonly text: string
  readonly lines: number
  readonly columns: number
}

const isBlank = (line: string): boolean => /^[ \t\r]*$/.test(line)

const commonPrefix = (a: string, b: string): string => {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return a.slice(0, length)
}

export const dedented = (text: string): Dedented => {
  if (!text.includes("\n")) return { text, lines: 0, columns: 0 }
  const lines = text.split("\n")
  const isFirstBlank = isBlank(lines[0] ?? "")
  if (isFirstBlank) lines.shift()
  if (lines.length > 1 && isBlank(lines[lines.length - 1] ?? "")) {
    lines.pop()
    // The line break that goes is CRLF in a file of Windows.
    lines.push((lines.pop() ?? "").replace(/\r$/, ""))
  }
  let margin: string | undefined
  for (const line of lines) {
    if (isBlank(line)) continue
    const indentation = /^[ \t]*/.exec(line)?.[0] ?? ""
    margin = margin === undefined ? indentation : commonPrefix(margin, indentation)
  }
  const columns = margin?.length ?? 0
  const kept = lines.map((line) => (isBlank(line) ? (line.endsWith("\r") ? "\r" : "") : line.slice(columns)))
  return { text: kept.join("\n"), lines: isFirstBlank ? 1 : 0, columns }
}

/**
 * Takes away the indentation that all lines share, and the line breaks behind the opening and before the closing quote.
 * Lines of white space alone become empty. A text of one line stays as it is.
 */
export const dedent = (text: string): string => dedented(text).text
