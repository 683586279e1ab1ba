/**
 * The ids of tool calls, as a provider takes them back: a conversation may have begun with another one, whose ids it
 * refuses.
 */
import { sha256 } from "@noble/hashes/sha2"
import { bytesToHex } from "@noble/hashes/utils"

/** Long enough that no two calls of a conversation meet, and as long as Mistral wants them. */
const length = 9

/** The id itself where it fits, else nine letters and digits that follow from it. */
export const fitting = (id: string, pattern: RegExp): string =>
  pattern.test(id) ? id : bytesToHex(sha256(id)).slice(0, length)
