/**
 * What kind of error an answer stands for. Four kinds of evidence, in this order: a word of the provider's that has one
 * meaning; the wording of the message, where the status is vague; the HTTP status; and a word that only repeats a
 * status, where there is none. Knowing more of a provider means another entry in a table.
 */

/** The tags of the errors that an answer can stand for. */
export type Kind =
  | "InvalidRequest"
  | "AuthenticationFailed"
  | "PermissionDenied"
  | "ModelNotFound"
  | "ContextLengthExceeded"
  | "RequestTooLarge"
  | "ContentFiltered"
  | "QuotaExhausted"
  | "RateLimited"
  | "Overloaded"
  | "ServerFailed"
  | "RequestTimeout"
  | "MalformedResponse"

// -----------------------------------------------------------------------------
// Words
// -----------------------------------------------------------------------------

/** `DeploymentNotFound`, `NOT_FOUND` and `not_found` are written alike. */
const normal = (word: string): string => word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "")

const dictionary = <A>(
  rows: ReadonlyArray<readonly [meaning: A, words: ReadonlyArray<string>]>
): ReadonlyMap<string, A> =>
  new Map(rows.flatMap(([meaning, words]) => words.map((word): [string, A] => [normal(word), meaning])))

/** Words that decide, whatever the status. The numbers are Zhipu's. */
const kindOfWord = dictionary<Kind>([
  [
    "ContextLengthExceeded",
    [
      "context_length_exceeded",
      "exceed_context_size_error",
      "context_window_exceeded",
      "model_context_window_exceeded",
      "1261"
    ]
  ],
  [
    "ContentFiltered",
    [
      "content_filter",
      "content_policy_violation",
      "image_content_policy_violation",
      "misalignment_policy_violation",
      "bio_policy",
      "cyber_policy",
      "ResponsibleAIPolicyViolation",
      "moderation_blocked",
      "data_inspection_failed",
      "1300",
      "1301"
    ]
  ],
  [
    "QuotaExhausted",
    [
      "insufficient_quota",
      "insufficient_user_quota",
      "billing_hard_limit_reached",
      "billing_not_active",
      "billing_error",
      "insufficient_balance",
      "exceeded_current_quota_error",
      "Arrearage",
      "1113",
      "1309",
      "1310"
    ]
  ],
  [
    "AuthenticationFailed",
    [
      "invalid_api_key",
      "API_KEY_INVALID",
      "wrong_api_key",
      "authentication_error",
      "invalid_authentication_error",
      "token_expired",
      "ACCESS_TOKEN_EXPIRED",
      "UNAUTHENTICATED",
      "1000",
      "1001",
      "1002",
      "1003",
      "1004",
      "1110",
      "1111"
    ]
  ],
  [
    "PermissionDenied",
    [
      "permission_error",
      "PERMISSION_DENIED",
      "access_denied",
      "unsupported_country_region_territory",
      "API_KEY_SERVICE_BLOCKED",
      "SERVICE_DISABLED",
      "CONSUMER_SUSPENDED",
      "1112",
      "1121",
      "1220"
    ]
  ],
  [
    "ModelNotFound",
    [
      "model_not_found",
      "DeploymentNotFound",
      "invalid_model",
      "model_decommissioned",
      "unknown_model",
      "1211",
      "1221",
      "1222"
    ]
  ],
  ["RequestTooLarge", ["request_too_large"]],
  ["RateLimited", ["1302", "1303", "1304", "1305", "1308"]],
  [
    "Overloaded",
    [
      "overloaded_error",
      "server_is_overloaded",
      "overloaded",
      "engine_overloaded_error",
      "slow_down",
      "service_tier_capacity_exceeded"
    ]
  ],
  ["ServerFailed", ["500", "1120", "1200", "1230", "1234"]],
  ["InvalidRequest", ["unsupported_parameter", "1210", "1212", "1213", "1214", "1215"]]
])

/** Words that say what a status says: they count where there is no status, or a vague one. The sentences are xAI's. */
const statusOfWord = dictionary<number>([
  [
    400,
    [
      "invalid_request_error",
      "INVALID_ARGUMENT",
      "FAILED_PRECONDITION",
      "OUT_OF_RANGE",
      "bad_request",
      "BadRequestError",
      "validation",
      "validation_error",
      "invalid_prompt",
      "invalid_value",
      "invalid_image",
      "invalid_image_format",
      "invalid_base64_image",
      "invalid_image_url",
      "invalid_image_mode",
      "image_too_large",
      "image_too_small",
      "image_file_too_large",
      "image_file_not_found",
      "image_parse_error",
      "unsupported_image_media_type",
      "empty_image_file",
      "failed_to_download_image",
      "data_residency_mismatch",
      "Client specified an invalid argument"
    ]
  ],
  [401, ["unauthorized", "The request does not have valid authentication credentials"]],
  [403, ["forbidden", "The caller does not have permission to execute the specified operation"]],
  [404, ["not_found_error", "NOT_FOUND", "ResourceNotFound", "Some requested entity was not found"]],
  [408, ["timeout", "request_timeout", "vector_store_timeout"]],
  [409, ["ABORTED", "conflict", "conflict_error"]],
  [
    429,
    [
      "rate_limit_error",
      "rate_limit_exceeded",
      "RateLimitReached",
      "rate_limit_reached_error",
      "rate_limited",
      "too_many_requests",
      "RESOURCE_EXHAUSTED",
      "throttling",
      "ThrottlingException",
      "Some resource has been exhausted"
    ]
  ],
  [500, ["api_error", "server_error", "internal_error", "INTERNAL", "internal_server_error", "internal_failure"]],
  [
    503,
    [
      "UNAVAILABLE",
      "unavailable_error",
      "service_unavailable",
      "service_unavailable_error",
      "no_capacity",
      "The service is currently unavailable"
    ]
  ],
  [504, ["timeout_error", "DEADLINE_EXCEEDED"]]
])

const firstMeaning = <A>(words: ReadonlyArray<string>, meanings: ReadonlyMap<string, A>): A | undefined => {
  for (const word of words) {
    const meaning = meanings.get(normal(word))
    if (meaning !== undefined) return meaning
  }
  return undefined
}

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
    statuses: [400, 401, 403, 429],
    wordings: [
      /credit balance is too low/i,
      /insufficient (?:account )?(?:balance|credits?|funds)/i,
      /(?:used all|out of|more|any) (?:available |your )?credits/i,
      /exceeded your monthly included credits/i,
      /billing hard limit/i,
      /余额不足|欠费/
    ]
  },
  {
    kind: "ContextLengthExceeded",
    statuses: [400, 422, 500],
    wordings: [
      // OpenAI, vLLM, Mistral, DeepSeek, OpenRouter, Together; xAI
      /maximum (?:context|prompt) length/i,
      // Anthropic; Bedrock
      /prompt is too long|input is too long/i,
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
      /(?:requires moderation|input was flagged)/i,
      /violates (?:our )?usage (?:guidelines|policy|policies)/i,
      /content exists risk/i,
      /considered high risk/i
    ]
  },
  {
    kind: "ModelNotFound",
    statuses: [400, 422],
    wordings: [
      /\bmodel (?:\S{1,100} )?(?:does not exist|not exist|(?:was |is )?not found|is not supported by any provider)/i,
      /not a valid model id/i,
      /invalid model(?::| name)/i,
      /has been decommissioned/i
    ]
  },
  { kind: "PermissionDenied", statuses: [400], wordings: [/user location is not supported/i] },
  // More than a whole minute's allowance in one request: no wait makes it fit.
  { kind: "RequestTooLarge", statuses: [429], wordings: [/^request too large/i] },
  {
    kind: "Overloaded",
    statuses: [429, 500],
    wordings: [
      /(?:server|model|service|engine|it) is (?:currently )?overloaded/i,
      /currently (?:loading|unavailable|overloaded)/i,
      /at (?:full )?capacity/i,
      /experiencing high demand/i
    ]
  }
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

/** What servers answer that do not look closer. */
const isVague = (status: number): boolean => status === 400 || status === 500

/** A server that answers 400 or 500 to everything may name the status that it means. */
const meantStatus = (status: number | undefined, words: ReadonlyArray<string>): number | undefined => {
  const named = firstMeaning(words, statusOfWord)
  if (status === undefined) return named
  return isVague(status) && named !== undefined && !isVague(named) ? named : status
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
  return (
    firstMeaning(evidence.words, kindOfWord) ??
    kindOfMessage(evidence.message, status) ??
    (status === undefined ? "ServerFailed" : kindOfStatus(status))
  )
}
