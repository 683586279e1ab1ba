/**
 * The two surfaces of Azure OpenAI: with API versions and deployments in the path, and the newer one without versions.
 */
import type * as HttpProvider from "./HttpProvider.js"
import type * as OpenAiApi from "./OpenAiApi.js"

// --- Endpoint ----------------------------------------------------------------

/** The portal also shows endpoints with the path of the newer surface. */
export const resourceOf = (endpoint: string): string => endpoint.replace(/\/openai(?:\/v1)?$/, "")

/** The portal's "target URI" is that of one deployment and one operation. */
export const isTarget = (endpoint: string): boolean =>
  /\/openai\/(?:deployments\/|v1\/(?:chat|responses|embeddings))/.test(endpoint)

/** The newer surface has no dates for versions; `preview` is what is not for all yet. */
export const isNewer = (apiVersion: string | undefined): boolean =>
  apiVersion === undefined || ["v1", "latest", "preview"].includes(apiVersion)

/** The deployment is in the path of the older surface, and in the body's `model` of the newer one. */
export const urlAt = (
  endpoint: string,
  apiVersion: string | undefined,
  paths: OpenAiApi.Spoken["paths"]
): HttpProvider.Options["url"] => {
  const query = apiVersion === undefined ? "" : `?api-version=${encodeURIComponent(apiVersion)}`
  return isNewer(apiVersion)
    ? (operation) => `${endpoint}/openai/v1/${paths[operation]}${query}`
    : (operation, deployment) =>
        `${endpoint}/openai/deployments/${encodeURIComponent(deployment)}/${paths[operation]}${query}`
}

// --- Quirks ------------------------------------------------------------------

/** Many call a deployment after its model, often with something before it. gpt-5-chat is no reasoning model. */
const soundsLikeReasoning = (deployment: string): boolean =>
  /(?:^|[-_.])(?:o[1-9]|gpt-5(?!-chat))(?:[-_.]|$)/i.test(deployment)

/** Earlier versions refuse a request that has `stream_options`. */
const firstVersionWithUsage = "2024-09-01"

export const quirksOf = (
  apiVersion: string | undefined,
  isReasoningModel: ((deployment: string) => boolean) | undefined = soundsLikeReasoning
): OpenAiApi.Quirks => ({
  isReasoningModel,
  asksForUsage: apiVersion === undefined || isNewer(apiVersion) || apiVersion >= firstVersionWithUsage
})
