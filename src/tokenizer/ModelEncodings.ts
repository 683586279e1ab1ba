/**
 * Which encoding a model's tokens are of, by the beginning of its name.
 *
 * A table of our own: those of the libraries throw for models that are newer than they are, and for fine-tuned ones.
 */

/** OpenAI's encodings: `o200k_base` from gpt-4o on, `cl100k_base` of gpt-4, gpt-3.5 and the embedding models. */
export type Encoding = "o200k_base" | "cl100k_base"

/** `approximate`: the model is of another maker or not known, and may count otherwise. */
export interface ModelEncoding {
  readonly encoding: Encoding
  readonly approximate: boolean
}

/** The first that fits; so a longer name stands before a shorter one that it begins with. */
const table: ReadonlyArray<readonly [RegExp, Encoding]> = [
  // Harmony has the ranks and the pattern of o200k_base, and more special tokens.
  [/^(?:gpt-4o|gpt-4\.1|gpt-4\.5|gpt-5|gpt-oss|chatgpt-4o|codex-mini|computer-use-preview)/, "o200k_base"],
  [/^o[134](?![a-z0-9])/, "o200k_base"],
  // Azure has no points in the names of its models.
  [/^(?:gpt-41|gpt-45)(?![0-9])/, "o200k_base"],
  [
    /^(?:gpt-4|gpt-3\.5-turbo|gpt-35-turbo|text-embedding-3-|text-embedding-ada-002|davinci-002|babbage-002)/,
    "cl100k_base"
  ]
]

/**
 * The encoding of a model: `gpt-4.1-mini`, `ft:gpt-4o:acme::id`, `openai/gpt-5`. Whatever is not known, and no name at
 * all, is counted in `o200k_base`, approximately.
 */
export const encodingOf = (model: string | undefined): ModelEncoding => {
  const name = model === undefined ? "" : baseName(model)
  const known = table.find(([pattern]) => pattern.test(name))
  return known === undefined
    ? { encoding: "o200k_base", approximate: true }
    : { encoding: known[1], approximate: false }
}

/** A model's name in small letters, without who serves it (`provider/`, `openai.` at Bedrock) and without `ft:`. */
export const baseName = (model: string): string => {
  const name = model.trim().toLowerCase()
  const served = name.startsWith("ft:") ? name : name.slice(name.lastIndexOf("/") + 1)
  return served.replace(/^(?:ft:|openai\.)/, "")
}
