/**
 * Signatures of thoughts: providers refuse those that another one made, which a prompt holds when a conversation goes on
 * elsewhere, after a fallback for instance.
 */
import type * as Prompt from "../Prompt.js"
import type { Origin } from "./Wire.js"

/** The signature that a provider may be sent, if there is one. */
export const forProvider = ({ signature, signedBy }: Prompt.ReasoningPart, { provider }: Origin): string | undefined =>
  signedBy === undefined || signedBy === provider ? signature : undefined
