/**
 * The simulator's own rule of what a token is: up to eight letters or digits, or one other character, with the
 * whitespace before it. Close to real tokenizers in count, needs no data, and its pieces join to the text.
 */
const piece = /\s*(?:[\p{L}\p{N}\p{M}]{1,8}|[^\s\p{L}\p{N}\p{M}])|\s+/gu

/** The text cut into tokens, whitespace first; joined they are the text again. */
export const split = (text: string): ReadonlyArray<string> => text.match(piece) ?? []

export const count = (text: string): number => split(text).length
