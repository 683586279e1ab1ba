/**
 * Indentation that belongs to the source code, not to the text.
 */

const isBlank = (line: string): boolean => /^[ \t\r]*$/.test(line)

const commonPrefix = (a: string, b: string): string => {
  let length = 0
  while (length < a.length && a[length] === b[length]) length++
  return a.slice(0, length)
}

/**
 * Takes away the indentation that all lines share, and the line breaks behind the opening and before the closing quote.
 * Lines of white space alone become empty. A text of one line stays as it is.
 */
export const dedent = (text: string): string => {
  if (!text.includes("\n")) return text
  const lines = text.split("\n")
  if (isBlank(lines[0] ?? "")) lines.shift()
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
  const width = margin?.length ?? 0
  return lines.map((line) => (isBlank(line) ? (line.endsWith("\r") ? "\r" : "") : line.slice(width))).join("\n")
}
