// What the server says and what a client must have heard: one source for both, so that every answer can be checked.

export const model = "gpt-4.1-mini"
/** What those are called that speak protocols of their own. */
export const models = { anthropic: "claude-sonnet-4-5", gemini: "gemini-2.5-flash" }
export const prompt = "Name three habits of careful engineers and say in one sentence each why they pay off."

export const answer =
  "They write the failing case down before they touch the code, because a problem that can be repeated is half solved. " +
  "They change one thing at a time, since two changes at once leave nobody able to say which of them helped. " +
  "And they read their own work a day later with a stranger's eyes: what puzzles them then would have puzzled all others."

/** The text of the i-th chunk of a stream: words of 3 to 9 characters, a few of them not ASCII. */
const words = ["the ", "model ", "answers ", "naïve ", "with ", "another ", "token, ", "longer ", "再び ", "again. "]
export const tokenAt = (index) => words[index % words.length]

/** How many characters a stream of `chunks` chunks adds up to. */
export const charactersOf = (chunks) => {
  let characters = 0
  for (let index = 0; index < chunks; index++) characters += tokenAt(index).length
  return characters
}

/** The first token of a `first-…` stream tells how many milliseconds the server itself held it back. */
export const heldToken = (milliseconds) => `held=${milliseconds.toFixed(3)} `
export const heldMilliseconds = (token) => Number(/^held=([\d.]+) $/.exec(token)?.[1])
