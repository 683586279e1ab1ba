/**
 * What a secret looks like, by the name it stands under or by its shape. The names and prefixes are those of the
 * providers and of what commonly stands before them.
 */

/** What stands in place of a secret. */
export const redacted = "<redacted>"

/** Shorter texts are placeholders of local servers ("none", "ollama"), and parts of ordinary words. */
export const shortestSecret = 8

const header = /auth|api-?key|-key$|token$|secret|password|cookie|credential|organization|^openai-project$/i

const harmless = /^access-control-|^www-authenticate$/i

/** A header by whose name alone its value is a secret. */
export const isHeader = (name: string): boolean => header.test(name) && !harmless.test(name)

/** What a gateway's own key looks like, under whatever name: long, in one word, with letters and digits. */
export const isKeyLike = (value: string): boolean => /^(?=.*\d)(?=.*[a-z])[\w\-.~+/=]{16,}$/i.test(value)

/** Request headers whose values are none, however they look. */
export const plainHeaders: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "accept-language",
  "anthropic-beta",
  "anthropic-version",
  "azureml-model-deployment",
  "content-type",
  "openai-beta",
  "user-agent"
])

const parameter =
  /^(?:key|code|sig|auth|jwt|pwd|pass|passwd|passphrase)$|api[-_]?key|-key$|token$|secret|password|authorization|signature|credential/i

/** A parameter of a query. */
export const isParameter = (name: string): boolean => parameter.test(name)

/** `token` alone is none: the answers of models have fields of that name. */
const fieldNames = String.raw`(?:(?:x[-_])?api[-_]?key|(?:access|refresh|id|auth|session|security)[-_]?token|(?:client|app)?[-_]?secret|(?:secret|private|secret[-_]?access|subscription)[-_]?key|password|passwd|passphrase|authorization|jwt)`

const parameterNames = String.raw`(?:key|sig|auth|jwt|pwd|passwd|authorization|[\w-]{0,40}(?:api[-_]?key|token|secret|password|signature|credential))`

/**
 * Where a text holds a secret, of whatever kind the text is. What is looked ahead and behind is bounded, so that no text
 * takes longer than its length.
 */
export const shapes: ReadonlyArray<RegExp> = [
  // A JSON Web Token
  /\beyJ[\w-]{8,1000}\.[\w-]{8,8000}\.[\w-]*/g,
  /(?<=\bBearer\s{1,4})(?=\S{0,99}\d)[\w\-.~+/]{16,}=*/gi,
  // Keys of providers, and the organization and project that OpenAI names in its errors
  /\b(?:sk|pk|rk)-(?=[\w-]{0,99}\d)[\w-]{16,}/g,
  /\bAIza[\w-]{30,}/g,
  /\b(?:gsk|hf|xai|nvapi|pplx|r8)[_-](?=[\w-]{0,99}\d)[\w-]{20,}/g,
  /\b(?:org-|proj_)(?=\w{0,99}\d)\w{12,}/g,
  // A field of a JSON text, and of one that is a string within another
  new RegExp(String.raw`(?<="${fieldNames}"\s{0,4}:\s{0,4}")(?:[^"\\]|\\.)+`, "gi"),
  new RegExp(String.raw`(?<=\\"${fieldNames}\\"\s{0,4}:\s{0,4}\\")[^"\\]+`, "gi"),
  // A field of a form, or of the query of a URL, which JSON may write otherwise
  new RegExp(String.raw`(?<=(?:^|[?&]|\\u0026)${parameterNames}=)[^&\s"'<>\\]+`, "gi")
]
