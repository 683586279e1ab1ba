/**
 * What kind of error an answer stands for. Four kinds of evidence, in this order: a word of the provider's that has one
 * meaning; the wording of the message, where the status is vague; the HTTP status; and a word that only repeats a
 * status, where there is none. Knowing more of a provider means another entry in a table.
 */
import { type Kind, kindOfWord, statusOfWord } from "./ErrorWords.js"

export type { Kind } from "./ErrorWords.js"

// -----------------------------------------------------------------------------
// Wordings
// -----------------------------------------------------------------------------

/** With these statuses the message decides, when it has a wording that we know. */
interface Wording {
  readonly kind: Kind
  readonly statuses: ReadonlyArray<number>
  readonly wordings: ReadonlyArray<RegExp>
}

const wordings: ReadonlyArray<Wording> = [
  {
    kind: "QuotaExhausted",
    statuses: [400, 401, 403, 412, 429],
    wordings: [
      /credit balance is too low/i,
      /insufficient (?:account )?(?:balance|credits?|funds)|balance is (?:insufficient|not enough)/i,
      /(?:used all|out of|more|any) (?:available |your )?credits/i,
      /exceeded your monthly included credits/i,
      // Anthropic; Gemini; Fireworks; Azure's gateway
      /reached your specified api usage limits/i,
      /prepayment credits are depleted/i,
      /monthly spend(?:ing)? (?:cap|limit)/i,
      /quota will be replenished/i,
      /billing hard limit/i,
      /余额不足|欠费/
    ]
  },
  {
    kind: "ContextLengthExceeded",
    statuses: [400, 403, 413, 422, 500],
    wordings: [
      // OpenAI, vLLM, Mistral, DeepSeek, OpenRouter, Together; xAI
      /maximum (?:context|prompt) length/i,
      // Anthropic; Bedrock
      /prompt is too long|input is too long/i,
      // vLLM; llama.cpp, for embeddings; LM Studio
      /maximum model length of \d/i,
      /too large to process\. increase the physical batch size/i,
      /when context the overflows|n_keep .{0,20}>= n_ctx/i,
      // SGLang; LM Studio
      /(?:longer|greater) than the (?:model's )?context (?:length|size|window)/i,
      // Anthropic; llama.cpp; LM Studio
      /exceeds? (?:the |its |this )?(?:available |maximum |max |model's )*context (?:size|limit|length|window)/i,
      /context (?:size|limit|length|window) (?:has been |was |is )?(?:exceeded|overflow)/i,
      // Gemini
      /input token count .{0,40}exceeds/i,
      // Groq
      /reduce the length of (?:the|your) (?:messages|prompt|input)/i,
      // Hugging Face's text-generation-inference
      /must have less than \d+ tokens|tokens \+ `?max_new_tokens`? must be <=/i,
      // Moonshot; Qwen; Cohere
      /exceeded model token limit/i,
      /range of input length should be/i,
      /too many tokens: /i,
      /prompt exceeds max length|prompt 超长/i
    ]
  },
  {
    kind: "AuthenticationFailed",
    statuses: [400, 403],
    wordings: [/(?:incorrect|invalid|wrong) api[ -_]?key/i, /api key (?:not valid|expired|is invalid)/i]
  },
  {
    kind: "ContentFiltered",
    statuses: [400, 403],
    wordings: [
      /content (?:management|filter(?:ing)?) policy/i,
      /flagged as potentially violating/i,
      /rejected as a result of our safety system/i,
      /limited access to this content for safety/i,
      /(?:requires moderation|input was flagged)/i,
      /violates (?:our )?usage (?:guidelines|policy|policies)/i,
      /content exists risk/i,
      /considered high risk/i
    ]
  },
  {
    kind: "ModelNotFound",
    statuses: [400, 403, 422],
    wordings: [
      /\bmodel (?:\S{1,100} )?(?:does not exist|not exist|(?:was |is )?not found|is not supported by any provider)/i,
      /not a valid model id/i,
      /invalid model(?::| name)/i,
      /has been decommissioned/i,
      // LM Studio, the second with status 200; Hugging Face; Together
      /no models? loaded/i,
      /unexpected endpoint or method/i,
      /too large to be loaded automatically/i,
      /unable to access (?:non-serverless )?model/i
    ]
  },
  {
    kind: "PermissionDenied",
    statuses: [400],
    wordings: [/user location is not supported/i, /not available in your (?:country|region)/i]
  },
  { kind: "RequestTooLarge", statuses: [400], wordings: [/request payload size exceeds/i] },
  // More than a whole minute's allowance in one request: no wait makes it fit.
  { kind: "RequestTooLarge", statuses: [429], wordings: [/^request too large/i] },
  {
    kind: "Overloaded",
    statuses: [429, 500],
    wordings: [
      /(?:server|model|service|engine|it) is (?:currently )?overloaded/i,
      /currently (?:loading|unavailable|overloaded)/i,
      /(?:at|at full|over) capacity/i,
      /server busy/i,
      /experiencing high demand/i
    ]
  },
  // LM Studio blames the request.
  { kind: "ServerFailed", statuses: [400], wordings: [/the model has crashed/i] }
]

/** Where there is no status to go by, every wording counts. */
const kindOfMessage = (message: string, status: number | undefined): Kind | undefined =>
  wordings.find(
    (wording) =>
      (status === undefined || wording.statuses.includes(status)) &&
      wording.wordings.some((words) => words.test(message))
  )?.kind

// -----------------------------------------------------------------------------
// Statuses
// -----------------------------------------------------------------------------

/** Other 4xx are `InvalidRequest`, all else is `ServerFailed`. */
const statuses: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  [401, "AuthenticationFailed"],
  [402, "QuotaExhausted"],
  [403, "PermissionDenied"],
  [404, "ModelNotFound"],
  [407, "AuthenticationFailed"],
  [408, "RequestTimeout"],
  [409, "ServerFailed"],
  [410, "ModelNotFound"],
  [413, "RequestTooLarge"],
  [414, "RequestTooLarge"],
  [423, "ServerFailed"],
  // Azure ML and Hugging Face: the container behind the endpoint failed.
  [424, "ServerFailed"],
  [425, "ServerFailed"],
  [429, "RateLimited"],
  [431, "RequestTooLarge"],
  [451, "PermissionDenied"],
  // Groq has no room for the flexible tier; Anthropic has none at all.
  [498, "Overloaded"],
  [499, "ServerFailed"],
  [503, "Overloaded"],
  [529, "Overloaded"]
])

const kindOfStatus = (status: number): Kind =>
  statuses.get(status) ?? (status >= 300 && status < 500 ? "InvalidRequest" : "ServerFailed")

// -----------------------------------------------------------------------------
// All of it together
// -----------------------------------------------------------------------------

const kindOfWords = (words: ReadonlyArray<string>): Kind | undefined =>
  words.map(kindOfWord).find((kind) => kind !== undefined)

/** What servers answer that do not look closer. */
const isVague = (status: number): boolean => status === 400 || status === 500

/**
 * A server that answers 400 or 500 to everything may name the status that it means; DeepSeek calls every fault an
 * `invalid_request_error`, beside a word that tells more.
 */
const meantStatus = (status: number | undefined, words: ReadonlyArray<string>): number | undefined => {
  if (status !== undefined && !isVague(status)) return status
  const named = words.flatMap((word) => statusOfWord(word) ?? [])
  return named.find((one) => !isVague(one)) ?? status ?? named[0]
}

/** All that an answer tells of its error. */
export interface Evidence {
  /** The HTTP status, or the one that an error inside HTTP 200 names. */
  readonly status: number | undefined
  /** The provider's names for the fault, the most telling first. */
  readonly words: ReadonlyArray<string>
  readonly message: string
}

/** The kind of error that the evidence stands for. Where nothing tells, it is the server that failed. */
export const kindOf = (evidence: Evidence): Kind => {
  const status = meantStatus(evidence.status, evidence.words)
  const named = kindOfWords(evidence.words)
  const worded = kindOfMessage(evidence.message, status)
  // xAI calls every refusal a denied permission, that for want of credits too.
  const found = named === "PermissionDenied" ? (worded ?? named) : (named ?? worded)
  return found ?? (status === undefined ? "ServerFailed" : kindOfStatus(status))
}
