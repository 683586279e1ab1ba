/**
 * The names that providers have for faults, their codes and types, and what each one means.
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

/** `DeploymentNotFound`, `NOT_FOUND` and `not_found` are written alike. */
const normal = (word: string): string => word.toLowerCase().replace(/[^\p{L}\p{N}]/gu, "")

/** What a word means, if anything. The words are put in order when one is first looked up: nothing is before a fault. */
const dictionary = <A>(
  rows: ReadonlyArray<readonly [meaning: A, words: ReadonlyArray<string>]>
): ((word: string) => A | undefined) => {
  const entries = () => rows.flatMap(([meaning, words]) => words.map((word): [string, A] => [normal(word), meaning]))
  let meanings: ReadonlyMap<string, A> | undefined
  return (word) => (meanings ??= new Map(entries())).get(normal(word))
}

/** Words that decide, whatever the status. The numbers are Zhipu's. */
export const kindOfWord: (word: string) => Kind | undefined = dictionary<Kind>([
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
      "AllocationQuota.FreeTierOnly",
      "budget_exceeded",
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
      "1005",
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
      "organization_restricted",
      "model_terms_required",
      "1112",
      "1121",
      "1220",
      "1311"
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
      "model_not_available",
      "unavailable_model",
      "1211",
      "1221",
      "1222"
    ]
  ],
  ["RequestTooLarge", ["request_too_large"]],
  ["RateLimited", ["1302", "1303", "1304", "1305", "1308", "1313"]],
  [
    "Overloaded",
    [
      "overloaded_error",
      "server_is_overloaded",
      "overloaded",
      "engine_overloaded_error",
      "slow_down",
      "service_tier_capacity_exceeded",
      "1312"
    ]
  ],
  ["ServerFailed", ["500", "1120", "1200", "1230", "1234"]],
  ["InvalidRequest", ["unsupported_parameter", "1210", "1212", "1213", "1214", "1215"]]
])

/** Words that say what a status says: they count where there is no status, or a vague one. The sentences are xAI's. */
export const statusOfWord: (word: string) => number | undefined = dictionary<number>([
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
      "invalid_parameter",
      "invalid_parameter_error",
      "Client specified an invalid argument"
    ]
  ],
  [401, ["unauthorized", "The request does not have valid authentication credentials"]],
  [402, ["credit_limit", "payment_required_error"]],
  [
    403,
    [
      "forbidden",
      "permission_denied_error",
      "permissions_error",
      "missing_scope",
      "AuthenticationTypeDisabled",
      "The caller does not have permission to execute the specified operation"
    ]
  ],
  [
    404,
    [
      "not_found_error",
      "NOT_FOUND",
      "ResourceNotFound",
      "resource_not_found_error",
      "unknown_url",
      "ModelDeprecated",
      "Some requested entity was not found"
    ]
  ],
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
      "too_many_requests_error",
      "model_rate_limit",
      "dynamic_request_limited",
      "dynamic_token_limited",
      "limit_requests",
      "limit_burst_rate",
      "RESOURCE_EXHAUSTED",
      "throttling",
      "ThrottlingException",
      "Throttling.RateQuota",
      "Throttling.BurstRate",
      "Throttling.AllocationQuota",
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
      "ModelServingError",
      "The service is currently unavailable"
    ]
  ],
  [504, ["timeout_error", "DEADLINE_EXCEEDED"]]
])
