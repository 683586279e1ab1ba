/**
 * A request that goes to another client than it was made for: what of it holds there.
 */
import type { Service } from "../LlmClient.js"

/**
 * Which model the other client is asked for: its own (`"own"`), the one that the request names (`"keep"`), one of this
 * name, or one made from the request's; `undefined` is the client's own.
 */
export type Model = "own" | "keep" | { readonly name: string } | ((model: string | undefined) => string | undefined)

interface Request {
  readonly model?: string | undefined
  readonly providerOptions?: Readonly<Record<string, unknown>> | undefined
  readonly idempotencyKey?: string | undefined
}

/**
 * The request for `to`: with the model as it says; without the key, which names a call of `from`; and without
 * `providerOptions` where the provider is another one, which would not know them.
 */
export const reroute = <R extends Request>(request: R, from: Service, to: Service, model: Model): R => ({
  ...request,
  model: modelOf(request.model, model),
  idempotencyKey: undefined,
  providerOptions: from.provider === to.provider ? request.providerOptions : undefined
})

const modelOf = (asked: string | undefined, model: Model): string | undefined =>
  model === "own" ? undefined : model === "keep" ? asked : typeof model === "function" ? model(asked) : model.name
