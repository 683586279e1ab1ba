/** The least that reads a Chat Completions stream correctly: whole lines of a read, each `data:` parsed once. */
export const readTexts = async (body, onText) => {
  const decoder = new TextDecoder()
  let rest = ""
  for await (const bytes of body) {
    const text = rest + decoder.decode(bytes, { stream: true })
    let start = 0
    let end
    while ((end = text.indexOf("\n", start)) >= 0) {
      if (text.startsWith("data: {", start)) {
        const content = JSON.parse(text.slice(start + 6, end)).choices[0]?.delta.content
        if (content) onText(content)
      }
      start = end + 1
    }
    rest = text.slice(start)
  }
}
