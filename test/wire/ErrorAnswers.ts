/**
 * Answers of real providers that stand for errors, as their documentation and their users' reports show them; and the
 * error that each one stands for.
 */
import type { LlmError } from "../../src/index.js"

export interface ErrorCase {
  readonly of: string
  readonly status: number
  readonly body: unknown
  readonly headers?: Readonly<Record<string, string>>
  readonly tag: LlmError.Tag
  /** in milliseconds */
  readonly wait?: number
  readonly param?: string
  readonly code?: string
  readonly says?: string
}

const openAi = (
  status: number,
  tag: LlmError.Tag,
  type: string,
  code: string | null,
  message: string,
  more: Partial<ErrorCase> = {}
): ErrorCase => ({
  of: "openai",
  status,
  tag,
  body: { error: { message, type, param: more.param ?? null, code } },
  says: message,
  ...more
})

const azure = (
  status: number,
  tag: LlmError.Tag,
  code: string,
  message: string,
  more: Partial<ErrorCase> = {}
): ErrorCase => ({
  of: "azure-openai",
  status,
  tag,
  body: { error: { code, message } },
  says: message,
  ...more
})

const anthropic = (
  status: number,
  tag: LlmError.Tag,
  type: string,
  message: string,
  more: Partial<ErrorCase> = {}
): ErrorCase => ({
  of: "anthropic",
  status,
  tag,
  body: { type: "error", error: { type, message }, request_id: "req_011CSHoEeqs5C35K2UUqR7Fy" },
  says: message,
  ...more
})

const gemini = (
  status: number,
  tag: LlmError.Tag,
  word: string,
  message: string,
  details?: ReadonlyArray<unknown>,
  more: Partial<ErrorCase> = {}
): ErrorCase => ({
  of: "gemini",
  status,
  tag,
  body: { error: { code: status, message, status: word, ...(details === undefined ? {} : { details }) } },
  says: message,
  ...more
})

const zhipu = (
  status: number,
  tag: LlmError.Tag,
  code: string | number,
  message: string,
  more: Partial<ErrorCase> = {}
): ErrorCase => ({
  of: "zhipu",
  status,
  tag,
  body: { error: { code, message } },
  says: message,
  ...more
})

const other = (
  of: string,
  status: number,
  tag: LlmError.Tag,
  body: unknown,
  more: Partial<ErrorCase> = {}
): ErrorCase => ({
  of,
  status,
  tag,
  body,
  ...more
})

const filterMessage =
  "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. " +
  "Please modify your prompt and retry."

export const errorCases: ReadonlyArray<ErrorCase> = [
  // OpenAI
  openAi(
    400,
    "InvalidRequest",
    "invalid_request_error",
    "unsupported_parameter",
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead.",
    { param: "max_tokens", code: "unsupported_parameter" }
  ),
  openAi(
    400,
    "InvalidRequest",
    "invalid_request_error",
    "invalid_value",
    "Invalid value: 'bot'. Supported values are: 'system', 'user'.",
    {
      param: "messages[0].role",
      code: "invalid_value"
    }
  ),
  openAi(400, "InvalidRequest", "invalid_request_error", null, "you must provide a model parameter", {
    code: "invalid_request_error"
  }),
  openAi(
    400,
    "ContextLengthExceeded",
    "invalid_request_error",
    "context_length_exceeded",
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 150003 tokens."
  ),
  openAi(
    400,
    "ContextLengthExceeded",
    "invalid_request_error",
    null,
    "This model's maximum context length is 8192 tokens, however you requested 9001 tokens (9001 in your prompt; 0 for the completion)."
  ),
  openAi(
    400,
    "ContentFiltered",
    "image_generation_user_error",
    "content_policy_violation",
    "Your request was rejected as a result of our safety system."
  ),
  openAi(
    400,
    "ContentFiltered",
    "invalid_request_error",
    "invalid_prompt",
    "Invalid prompt: your prompt was flagged as potentially violating our usage policy."
  ),
  openAi(
    401,
    "AuthenticationFailed",
    "invalid_request_error",
    "invalid_api_key",
    "Incorrect API key provided: sk-12****cdef."
  ),
  openAi(401, "AuthenticationFailed", "invalid_request_error", null, "You didn't provide an API key."),
  openAi(
    403,
    "PermissionDenied",
    "request_forbidden",
    "unsupported_country_region_territory",
    "Country, region, or territory not supported"
  ),
  openAi(
    404,
    "ModelNotFound",
    "invalid_request_error",
    "model_not_found",
    "The model `gpt-9` does not exist or you do not have access to it."
  ),
  openAi(404, "ModelNotFound", "invalid_request_error", null, "Invalid URL (POST /v1/chat/completion)"),
  openAi(
    429,
    "RateLimited",
    "tokens",
    "rate_limit_exceeded",
    "Rate limit reached for gpt-4.1 on tokens per min (TPM): Limit 30000, Used 29000, Requested 1300. Please try again in 634ms.",
    { wait: 634 }
  ),
  openAi(
    429,
    "RateLimited",
    "requests",
    "rate_limit_exceeded",
    "Rate limit reached for gpt-4.1 on requests per min (RPM): Limit 3, Used 3, Requested 1.",
    {
      headers: { "x-ratelimit-reset-requests": "20s", "x-ratelimit-remaining-requests": "0" },
      wait: 20_000
    }
  ),
  openAi(
    429,
    "QuotaExhausted",
    "insufficient_quota",
    "insufficient_quota",
    "You exceeded your current quota, please check your plan and billing details."
  ),
  openAi(
    429,
    "QuotaExhausted",
    "insufficient_quota",
    "billing_hard_limit_reached",
    "Billing hard limit has been reached"
  ),
  openAi(
    400,
    "QuotaExhausted",
    "billing_limit_user_error",
    "billing_hard_limit_reached",
    "Billing hard limit has been reached"
  ),
  openAi(
    429,
    "RequestTooLarge",
    "tokens",
    "rate_limit_exceeded",
    "Request too large for gpt-4 in organization org-x on tokens per min (TPM): Limit 10000, Requested 12041."
  ),
  openAi(
    500,
    "ServerFailed",
    "server_error",
    null,
    "The server had an error while processing your request. Sorry about that!"
  ),
  openAi(503, "Overloaded", "server_error", null, "The engine is currently overloaded, please try again later"),
  openAi(
    503,
    "Overloaded",
    "service_unavailable_error",
    "server_is_overloaded",
    "Our servers are currently overloaded. Please try again later.",
    {
      headers: { "retry-after": "3" },
      wait: 3000
    }
  ),

  // Azure OpenAI
  azure(401, "AuthenticationFailed", "401", "Access denied due to invalid subscription key or wrong API endpoint."),
  other(
    "azure-openai",
    401,
    "AuthenticationFailed",
    { statusCode: 401, message: "Unauthorized. Access token is missing, invalid, or expired." },
    {
      says: "Unauthorized. Access token is missing, invalid, or expired."
    }
  ),
  azure(
    401,
    "PermissionDenied",
    "PermissionDenied",
    "The principal `x` lacks the required data action `Microsoft.CognitiveServices/accounts/OpenAI/deployments/chat/completions/action`"
  ),
  azure(403, "PermissionDenied", "403", "Access denied due to Virtual Network/Firewall rules."),
  azure(404, "ModelNotFound", "DeploymentNotFound", "The API deployment for this resource does not exist."),
  azure(404, "ModelNotFound", "404", "Resource not found"),
  azure(
    400,
    "InvalidRequest",
    "OperationNotSupported",
    "The chatCompletion operation does not work with the specified model, text-embedding-3-small.",
    {
      code: "OperationNotSupported"
    }
  ),
  azure(400, "InvalidRequest", "BadRequest", "API version not supported", { code: "BadRequest" }),
  azure(
    429,
    "RateLimited",
    "429",
    "Requests to the ChatCompletions_Create Operation have exceeded token rate limit of your current OpenAI S0 pricing tier. Please retry after 26 seconds.",
    { wait: 26_000 }
  ),
  azure(429, "RateLimited", "RateLimitReached", "Your requests to gpt-4.1 have exceeded call rate limit.", {
    headers: { "retry-after-ms": "812", "retry-after": "1" },
    wait: 812
  }),
  azure(408, "RequestTimeout", "Timeout", "The operation was timeout."),
  azure(500, "ServerFailed", "InternalServerError", "The service had an internal error. Try again."),
  azure(503, "Overloaded", "ServiceUnavailable", "The service is temporarily unable to process your request."),
  other(
    "azure-openai",
    400,
    "ContentFiltered",
    {
      error: {
        message: filterMessage,
        type: null,
        param: "prompt",
        code: "content_filter",
        status: 400,
        innererror: {
          code: "ResponsibleAIPolicyViolation",
          content_filter_result: {
            hate: { filtered: true, severity: "high" },
            jailbreak: { filtered: true, detected: true }
          }
        }
      }
    },
    { says: filterMessage }
  ),
  other("azure-openai", 400, "ContextLengthExceeded", {
    error: {
      message: "This model's maximum context length is 4096 tokens.",
      type: "invalid_request_error",
      param: "messages",
      code: "context_length_exceeded"
    }
  }),
  other("azure-ml", 400, "InvalidRequest", { error: { code: "BadArgument", message: "Error parsing the request" } }),
  other("azure-ml", 401, "AuthenticationFailed", "key_auth_access_denied"),
  other("azure-ml", 403, "PermissionDenied", "RBAC: access denied"),
  other("azure-ml", 404, "ModelNotFound", ""),
  other("azure-ml", 408, "RequestTimeout", "upstream request timeout"),
  other("azure-ml", 413, "RequestTooLarge", "Payload Too Large"),
  other("azure-ml", 424, "ServerFailed", '{"message": "An unexpected error occurred in scoring script."}'),
  other("azure-ml", 429, "RateLimited", "", { headers: { "retry-after": "2" }, wait: 2000 }),
  other("azure-ml", 500, "ServerFailed", "Internal Server Error"),
  other(
    "azure-ml",
    502,
    "ServerFailed",
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination"
  ),
  other("azure-ml", 503, "Overloaded", "no healthy upstream"),

  // Anthropic
  anthropic(400, "InvalidRequest", "invalid_request_error", "max_tokens: Field required", {
    code: "invalid_request_error"
  }),
  anthropic(
    400,
    "ContextLengthExceeded",
    "invalid_request_error",
    "prompt is too long: 209468 tokens > 200000 maximum"
  ),
  anthropic(
    400,
    "ContextLengthExceeded",
    "invalid_request_error",
    "input length and `max_tokens` exceed context limit: 184915 + 20000 > 200000, decrease input length or `max_tokens` and try again"
  ),
  anthropic(
    400,
    "QuotaExhausted",
    "invalid_request_error",
    "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits."
  ),
  anthropic(400, "ContentFiltered", "invalid_request_error", "Output blocked by content filtering policy"),
  anthropic(401, "AuthenticationFailed", "authentication_error", "invalid x-api-key"),
  anthropic(402, "QuotaExhausted", "billing_error", "There is an issue with your billing."),
  anthropic(
    403,
    "PermissionDenied",
    "permission_error",
    "Your API key does not have permission to use the specified resource."
  ),
  anthropic(404, "ModelNotFound", "not_found_error", "model: claude-nine"),
  anthropic(413, "RequestTooLarge", "request_too_large", "Request exceeds the maximum size"),
  anthropic(
    429,
    "RateLimited",
    "rate_limit_error",
    "This request would exceed your organization's rate limit of 40,000 input tokens per minute.",
    {
      headers: { "retry-after": "12", "anthropic-ratelimit-input-tokens-reset": "2026-01-15T12:01:00Z" },
      wait: 12_000
    }
  ),
  anthropic(500, "ServerFailed", "api_error", "Internal server error"),
  anthropic(504, "ServerFailed", "timeout_error", "Request timed out"),
  anthropic(529, "Overloaded", "overloaded_error", "Overloaded"),

  // Gemini
  gemini(
    400,
    "InvalidRequest",
    "INVALID_ARGUMENT",
    "Invalid value at 'contents[0].role'",
    [
      {
        "@type": "type.googleapis.com/google.rpc.BadRequest",
        fieldViolations: [{ field: "contents[0].role", description: "x" }]
      }
    ],
    { param: "contents[0].role", code: "INVALID_ARGUMENT" }
  ),
  gemini(400, "AuthenticationFailed", "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key.", [
    { "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "API_KEY_INVALID", domain: "googleapis.com" }
  ]),
  gemini(
    400,
    "ContextLengthExceeded",
    "INVALID_ARGUMENT",
    "The input token count (1200000) exceeds the maximum number of tokens allowed (1048576)."
  ),
  gemini(400, "PermissionDenied", "FAILED_PRECONDITION", "User location is not supported for the API use."),
  gemini(401, "AuthenticationFailed", "UNAUTHENTICATED", "Request had invalid authentication credentials."),
  gemini(
    403,
    "PermissionDenied",
    "PERMISSION_DENIED",
    "Your API key was reported as leaked. Please use another API key."
  ),
  gemini(
    404,
    "ModelNotFound",
    "NOT_FOUND",
    "models/gemini-nine is not found for API version v1beta, or is not supported for generateContent."
  ),
  gemini(
    429,
    "RateLimited",
    "RESOURCE_EXHAUSTED",
    "You exceeded your current quota, please check your plan and billing details.",
    [
      {
        "@type": "type.googleapis.com/google.rpc.QuotaFailure",
        violations: [{ quotaId: "GenerateRequestsPerMinutePerProjectPerModel-FreeTier" }]
      },
      { "@type": "type.googleapis.com/google.rpc.RetryInfo", retryDelay: "34.4s" }
    ],
    { wait: 34_400 }
  ),
  gemini(429, "RateLimited", "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."),
  gemini(500, "ServerFailed", "INTERNAL", "An internal error has occurred. Please retry or report."),
  gemini(503, "Overloaded", "UNAVAILABLE", "The model is overloaded. Please try again later."),
  gemini(504, "ServerFailed", "DEADLINE_EXCEEDED", "The request timed out. Please try again."),
  other(
    "gemini",
    429,
    "RateLimited",
    [{ error: { code: 429, message: "Resource exhausted.", status: "RESOURCE_EXHAUSTED" } }],
    {
      says: "Resource exhausted."
    }
  ),

  // Zhipu: the code wins over the status
  zhipu(401, "AuthenticationFailed", "1000", "身份验证失败"),
  zhipu(401, "AuthenticationFailed", "1002", "Authorization Token非法，请确认Authorization Token正确传递。"),
  zhipu(400, "AuthenticationFailed", "1110", "您的账户当前处于非活动状态。请检查账户信息"),
  zhipu(429, "QuotaExhausted", "1113", "您的账户已欠费，请充值后重试"),
  zhipu(429, "PermissionDenied", "1112", "您的账户已被锁定，请联系客服解锁"),
  zhipu(500, "ServerFailed", "1120", "无法成功访问您的账户，请稍后重试"),
  zhipu(400, "ServerFailed", "1200", "API调用失败"),
  zhipu(400, "InvalidRequest", "1210", "API 调用参数有误，请检查文档", { code: "1210" }),
  zhipu(400, "ModelNotFound", "1211", "模型不存在，请检查模型代码"),
  zhipu(400, "InvalidRequest", 1214, "messages 参数非法。请检查文档", { code: "1214" }),
  zhipu(403, "PermissionDenied", "1220", "您无权访问glm-9"),
  zhipu(400, "ContextLengthExceeded", "1261", "Prompt 超长"),
  zhipu(400, "ContentFiltered", "1301", "系统检测到输入或生成内容可能包含不安全或敏感内容"),
  zhipu(429, "RateLimited", "1302", "您当前使用该API的并发数过高"),
  zhipu(429, "RateLimited", 1303, "您当前使用该API的频率过高"),
  zhipu(400, "RateLimited", "1305", "当前API请求过多，请稍后重试"),
  zhipu(200, "RateLimited", "1302", "您当前使用该API的并发数过高"),
  zhipu(500, "ServerFailed", "500", "内部错误"),
  zhipu(500, "ServerFailed", "1234", "网络错误，错误id：x，请联系客服"),
  other("zhipu", 200, "RateLimited", { code: 1302, msg: "您当前使用该API的并发数过高", success: false }),
  other(
    "zhipu",
    404,
    "ModelNotFound",
    { timestamp: "2026-01-15T12:00:00.000+00:00", status: 404, error: "Not Found", path: "/v4/chat" },
    {
      says: "Not Found"
    }
  ),

  // Mistral
  other("mistral", 429, "RateLimited", {
    object: "error",
    message: "Requests rate limit exceeded",
    type: "rate_limited",
    param: null,
    code: "1300"
  }),
  other("mistral", 429, "Overloaded", {
    object: "error",
    message: "Service tier capacity exceeded for this model.",
    type: "service_tier_capacity_exceeded",
    param: null,
    code: "3505"
  }),
  other("mistral", 400, "ModelNotFound", {
    object: "error",
    message: "Invalid model: mistral-nine",
    type: "invalid_model",
    param: null,
    code: "1500"
  }),
  other("mistral", 400, "ContextLengthExceeded", {
    object: "error",
    message: "Prompt contains 40123 tokens and 0 draft tokens, too large for model with 32768 maximum context length",
    type: "invalid_request_error",
    param: null,
    code: "3051"
  }),
  other(
    "mistral",
    422,
    "InvalidRequest",
    { detail: [{ type: "missing", loc: ["body", "messages"], msg: "Field required", input: {} }] },
    {
      says: "Field required",
      param: "body.messages"
    }
  ),
  other(
    "mistral",
    422,
    "InvalidRequest",
    {
      object: "error",
      message: { detail: [{ type: "extra_forbidden", loc: ["body", "seed"], msg: "Extra inputs are not permitted" }] },
      type: "invalid_request_error"
    },
    { says: "Extra inputs are not permitted" }
  ),
  other("mistral", 401, "AuthenticationFailed", { detail: "Unauthorized" }, { says: "Unauthorized" }),

  // Groq
  other("groq", 413, "RequestTooLarge", {
    error: {
      message:
        "Request too large for model `llama-3.1-8b-instant` on tokens per minute (TPM): Limit 6000, Requested 9013",
      type: "tokens",
      code: "rate_limit_exceeded"
    }
  }),
  other(
    "groq",
    429,
    "RateLimited",
    {
      error: {
        message:
          "Rate limit reached for model `x` on tokens per day (TPD): Limit 100000, Used 99336, Requested 821. Please try again in 2m15.648s.",
        type: "tokens",
        code: "rate_limit_exceeded"
      }
    },
    { wait: 135_648 }
  ),
  other("groq", 400, "ContextLengthExceeded", {
    error: {
      message: "Please reduce the length of the messages or completion.",
      type: "invalid_request_error",
      param: "messages",
      code: "context_length_exceeded"
    }
  }),
  other("groq", 400, "ModelNotFound", {
    error: {
      message: "The model `llama2-70b-4096` has been decommissioned and is no longer supported.",
      type: "invalid_request_error",
      code: "model_decommissioned"
    }
  }),
  other("groq", 498, "Overloaded", { error: { message: "Flex tier capacity exceeded", type: "capacity" } }),

  // DeepSeek
  other("deepseek", 402, "QuotaExhausted", {
    error: { message: "Insufficient Balance", type: "unknown_error", param: null, code: "invalid_request_error" }
  }),
  other("deepseek", 400, "ContentFiltered", {
    error: { message: "Content Exists Risk", type: "invalid_request_error", param: null, code: "invalid_request_error" }
  }),
  other("deepseek", 400, "ModelNotFound", {
    error: { message: "Model Not Exist", type: "invalid_request_error", param: null, code: "invalid_request_error" }
  }),
  other("deepseek", 400, "ContextLengthExceeded", {
    error: {
      message: "This model's maximum context length is 131072 tokens. However, you requested 133034 tokens.",
      type: "invalid_request_error",
      param: null,
      code: "invalid_request_error"
    }
  }),
  other("deepseek", 401, "AuthenticationFailed", {
    error: {
      message: "Authentication Fails (no such user)",
      type: "authentication_error",
      param: null,
      code: "invalid_request_error"
    }
  }),
  other(
    "deepseek",
    422,
    "InvalidRequest",
    "Failed to deserialize the JSON body into the target type: missing field `messages` at line 1 column 20",
    {
      says: "Failed to deserialize the JSON body into the target type: missing field `messages` at line 1 column 20"
    }
  ),

  // xAI
  other(
    "xai",
    400,
    "AuthenticationFailed",
    { code: "Client specified an invalid argument", error: "Incorrect API key provided: xa***45." },
    {
      says: "Incorrect API key provided: xa***45."
    }
  ),
  other("xai", 403, "QuotaExhausted", {
    code: "The caller does not have permission to execute the specified operation",
    error: "Your newly created team doesn't have any credits yet. You can purchase credits on the console."
  }),
  other("xai", 429, "QuotaExhausted", {
    code: "Some resource has been exhausted",
    error: "Your team has either used all available credits or reached its monthly spending limit."
  }),
  other("xai", 429, "RateLimited", { code: "Some resource has been exhausted", error: "Too many requests for team." }),
  other("xai", 404, "ModelNotFound", {
    code: "Some requested entity was not found",
    error: "The model grok-nine does not exist or your team does not have access to it."
  }),
  other("xai", 400, "ContextLengthExceeded", {
    code: "Client specified an invalid argument",
    error: "This model's maximum prompt length is 131072 but the request contains 136973 tokens."
  }),
  other("xai", 403, "ContentFiltered", {
    code: "The caller does not have permission to execute the specified operation",
    error: "Content violates usage guidelines."
  }),
  other("xai", 200, "Overloaded", {
    code: "The service is currently unavailable",
    error: "Service temporarily unavailable. The model is at capacity and currently cannot serve this request."
  }),
  other("xai", 200, "RateLimited", { code: "Some resource has been exhausted", error: "Too many requests." }),

  // OpenRouter
  other("openrouter", 402, "QuotaExhausted", {
    error: { message: "This request requires more credits, or fewer max_tokens.", code: 402 }
  }),
  other("openrouter", 403, "ContentFiltered", {
    error: {
      code: 403,
      message: 'openai/gpt-4.1 requires moderation on OpenRouter. Your input was flagged for "violence".',
      metadata: { reasons: ["violence"], flagged_input: "…" }
    }
  }),
  other(
    "openrouter",
    429,
    "RateLimited",
    {
      error: {
        message: "Provider returned error",
        code: 429,
        metadata: {
          raw: "google/gemini is temporarily rate-limited upstream. Please retry shortly.",
          provider_name: "Google"
        }
      },
      user_id: "x"
    },
    { says: "Provider returned error: google/gemini is temporarily rate-limited upstream. Please retry shortly." }
  ),
  other(
    "openrouter",
    400,
    "ContextLengthExceeded",
    {
      error: {
        message: "Provider returned error",
        code: 400,
        metadata: {
          raw: '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 209468 tokens > 200000 maximum"}}',
          provider_name: "Anthropic"
        }
      }
    },
    { says: "prompt is too long: 209468 tokens > 200000 maximum" }
  ),
  other("openrouter", 400, "ModelNotFound", { error: { message: "foo/bar is not a valid model ID", code: 400 } }),
  other("openrouter", 200, "ServerFailed", { error: { message: "Upstream idle timeout exceeded", code: 502 } }),
  other("openrouter", 502, "ServerFailed", { error: { message: "Bad gateway", code: 502 } }),

  // Hugging Face
  other(
    "huggingface",
    503,
    "Overloaded",
    { error: "Model meta-llama/Llama-3 is currently loading", estimated_time: 20.0 },
    {
      says: "Model meta-llama/Llama-3 is currently loading",
      wait: 20_000
    }
  ),
  other("huggingface", 429, "Overloaded", { error: "Model is overloaded", error_type: "overloaded" }),
  other("huggingface", 424, "ServerFailed", {
    error: "Request failed during generation: CUDA out of memory",
    error_type: "generation"
  }),
  other("huggingface", 422, "ContextLengthExceeded", {
    error:
      "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000 `inputs` tokens and 20 `max_new_tokens`",
    error_type: "validation"
  }),
  other(
    "huggingface",
    422,
    "InvalidRequest",
    { error: "Input validation error: `temperature` must be strictly positive", error_type: "validation" },
    { code: "validation" }
  ),
  other(
    "huggingface",
    400,
    "InvalidRequest",
    { error: ["Error in `parameters.top_k`: ensure this value is greater than or equal to 1"] },
    {
      says: "Error in `parameters.top_k`: ensure this value is greater than or equal to 1"
    }
  ),
  other("huggingface", 402, "QuotaExhausted", {
    error: "You have exceeded your monthly included credits for Inference Providers."
  }),
  other("huggingface", 400, "ModelNotFound", {
    error: {
      message: "Model foo/bar is not supported by any provider you have enabled.",
      type: "invalid_request_error"
    }
  }),
  other("huggingface", 401, "AuthenticationFailed", { error: "Invalid username or password." }),

  // Servers of one's own, and others of the family
  other("vllm", 400, "ContextLengthExceeded", {
    object: "error",
    message: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens in the messages.",
    type: "BadRequestError",
    param: null,
    code: 400
  }),
  other("vllm", 404, "ModelNotFound", {
    object: "error",
    message: "The model `x` does not exist.",
    type: "NotFoundError",
    param: null,
    code: 404
  }),
  other("llama.cpp", 400, "ContextLengthExceeded", {
    error: {
      code: 400,
      message:
        "the request exceeds the available context size. try increasing the context size or enable context shift",
      type: "exceed_context_size_error",
      n_prompt_tokens: 5000,
      n_ctx: 4096
    }
  }),
  other("llama.cpp", 500, "ContextLengthExceeded", {
    error: { code: 500, message: "the request exceeds the available context size.", type: "server_error" }
  }),
  other("llama.cpp", 503, "Overloaded", { error: { code: 503, message: "Loading model", type: "unavailable_error" } }),
  other("ollama", 404, "ModelNotFound", {
    error: { message: 'model "llama9" not found, try pulling it first', type: "api_error", param: null, code: null }
  }),
  other("lm-studio", 400, "ContextLengthExceeded", {
    error:
      "The number of tokens to keep from the initial prompt is greater than the context length. Trying to keep 5000 tokens when context the overflows. Context length exceeded."
  }),
  other("bedrock", 400, "ContextLengthExceeded", { message: "Input is too long for requested model." }),
  other("bedrock", 400, "RateLimited", {
    __type: "ThrottlingException",
    code: "ThrottlingException",
    message: "Too many tokens, please wait before trying again."
  }),
  other("qwen", 400, "ContextLengthExceeded", {
    code: "InvalidParameter",
    message: "Range of input length should be [1, 30720]",
    request_id: "x"
  }),
  other("qwen", 400, "ContentFiltered", {
    error: {
      code: "data_inspection_failed",
      message: "Input data may contain inappropriate content.",
      type: "data_inspection_failed"
    }
  }),
  other("qwen", 400, "QuotaExhausted", {
    code: "Arrearage",
    message: "Access denied, please make sure your account is in good standing.",
    request_id: "x"
  }),
  other("moonshot", 429, "QuotaExhausted", {
    error: {
      message: "Your account is suspended, please check your plan and billing details",
      type: "exceeded_current_quota_error"
    }
  }),
  other("moonshot", 429, "Overloaded", {
    error: { message: "The engine is currently overloaded, please try again later", type: "engine_overloaded_error" }
  }),
  other("moonshot", 400, "ContextLengthExceeded", {
    error: { message: "Invalid request: Your request exceeded model token limit: 8192", type: "invalid_request_error" }
  }),
  other(
    "cerebras",
    401,
    "AuthenticationFailed",
    { message: "Wrong API Key", type: "invalid_request_error", param: "api_key", code: "wrong_api_key" },
    { says: "Wrong API Key" }
  ),
  other("gateway", 500, "AuthenticationFailed", {
    error: { message: "AuthenticationError: OpenAIException", type: "authentication_error", param: null, code: "500" }
  }),
  other("gateway", 500, "RateLimited", { error: { message: "upstream said no", type: "rate_limit_error" } }),
  other(
    "gateway",
    429,
    "RateLimited",
    {
      error: {
        message: '{\n "error": { "code": 429, "message": "Resource exhausted", "status": "RESOURCE_EXHAUSTED" } }',
        code: 429
      }
    },
    {
      says: "Resource exhausted"
    }
  ),
  other(
    "gateway",
    429,
    "RateLimited",
    'event: error\ndata: {"error":{"message":"slow down, please","type":"rate_limit_error"}}\n\n',
    {
      says: "slow down, please"
    }
  )
]
