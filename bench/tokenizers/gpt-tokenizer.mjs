export const make = async () => {
  const { countTokens } = await import("gpt-tokenizer/encoding/o200k_base")
  return { count: (text) => countTokens(text, { disallowedSpecial: new Set() }) }
}
