/**
 * Picks the client by the model that a request names. What no route fits is a `ModelNotFound`, before anything is sent.
 * Each layer is built once, when the route is.
 */
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { LlmClient, type Service } from "../LlmClient.js"
import { ModelNotFound } from "../LlmError.js"
import * as Several from "./Several.js"

type AnyLayer = Several.AnyLayer

/**
 * A layer that is asked for another model than the request names: `model` is its name, or makes it from the request's;
 * `undefined` from it leaves the model to the client.
 */
export interface Destination<L extends AnyLayer = AnyLayer> {
  readonly layer: L
  readonly model: string | ((model: string) => string | undefined)
}

/**
 * By what a model is called: `gpt-4.1` is that model, `gpt-*` whatever begins so, `*` whatever is left; the longest that
 * fits wins, whatever the order. A prefix that ends in a slash, as in `openai/*`, is the router's own, and not passed on.
 * `default` is for requests that name no model; without it, they are a `ModelNotFound` too.
 */
export type Routes = Readonly<Record<string, AnyLayer | Destination>>

type LayerOf<Route> = Route extends Destination<infer L> ? L : Route

/**
 * An `LlmClient` that picks another by the model of each request, for `complete`, `stream` and `embed`. Fails with a
 * `ConfigError` that names a pattern with a `*` in its midst.
 *
 * ```ts
 * const Llm = Policy.route({
 *   "openai/*": OpenAi.layerConfig(),
 *   "claude-*": Anthropic.layerConfig(),
 *   fast: { layer: OpenAi.layerConfig(), model: "gpt-4.1-mini" },
 *   default: OpenAi.layerConfig()
 * })
 * ```
 */
export function route<const R extends Routes>(
  routes: R
): Layer.Layer<
  LlmClient,
  Several.ErrorOf<LayerOf<R[keyof R]>> | ConfigError.ConfigError,
  Several.NeedsOf<LayerOf<R[keyof R]>>
>
export function route(routes: Routes): AnyLayer {
  return Several.join(
    LlmClient,
    Object.entries(routes).map(([pattern, to]) =>
      isDestination(to) ? [{ pattern, model: to.model }, to.layer] : [{ pattern, model: passedOn(pattern) }, to]
    ),
    (clients) => Effect.map(checked(clients.map(([branch, client]) => ({ ...branch, client }))), serve)
  )
}

const isDestination = (to: AnyLayer | Destination): to is Destination => !Layer.isLayer(to)

interface Branch {
  readonly pattern: string
  readonly model: Destination["model"]
  readonly client: Service
}

const byDefault = "default"

const passedOn = (pattern: string): Destination["model"] => {
  const own = pattern.endsWith("/*") ? pattern.length - 1 : 0
  return (model) => model.slice(own)
}

const invalid = (path: ReadonlyArray<string>, message: string): Effect.Effect<never, ConfigError.ConfigError> =>
  Effect.fail(ConfigError.InvalidData(["route", ...path], message))

const checked = (branches: ReadonlyArray<Branch>): Effect.Effect<ReadonlyArray<Branch>, ConfigError.ConfigError> => {
  if (branches.length === 0) return invalid([], "there is no route")
  const bad = branches.find(({ pattern }) => !/^(?:[^*]+\*?|\*)$/.test(pattern))
  return bad === undefined
    ? Effect.succeed(branches)
    : invalid([bad.pattern], "a route is the name of a model, or its beginning with a * at the end")
}

const fits = (pattern: string, model: string): boolean =>
  pattern.endsWith("*") ? model.length >= pattern.length && model.startsWith(pattern.slice(0, -1)) : pattern === model

/** Exact names first, then the longest beginning. */
const rank = ({ pattern }: Branch): number => (pattern.endsWith("*") ? pattern.length : Number.POSITIVE_INFINITY)

const serve = (branches: ReadonlyArray<Branch>): Service => {
  const fallback = branches.find(({ pattern }) => pattern === byDefault)
  const named = branches.filter(({ pattern }) => pattern !== byDefault)
  const ranked = [...named].sort((a, b) => rank(b) - rank(a))
  const patterns = named.map(({ pattern }) => JSON.stringify(pattern)).join(", ") || "for no model"
  const lost = (model: string, message: string): ModelNotFound =>
    new ModelNotFound({ provider: "route", model, attempts: 0, message: `${message}: the routes are ${patterns}` })

  const find = <Request extends { readonly model?: string | undefined }>(
    request: Request
  ): Either.Either<readonly [Service, Request], ModelNotFound> => {
    const { model: asked } = request
    const branch = asked === undefined ? fallback : ranked.find(({ pattern }) => fits(pattern, asked))
    if (branch === undefined) {
      return Either.left(
        asked === undefined
          ? lost("", "the request names no model, and there is no default route")
          : lost(asked, `no route fits the model ${JSON.stringify(asked)}`)
      )
    }
    const model = typeof branch.model === "string" ? branch.model : asked && branch.model(asked)
    return Either.right([branch.client, { ...request, model }])
  }

  return {
    provider: "route",
    model: fallback?.client.model ?? "",
    complete: (request) => Effect.flatMap(find(request), ([client, routed]) => client.complete(routed)),
    embed: (request) => Effect.flatMap(find(request), ([client, routed]) => client.embed(routed)),
    stream: (request) =>
      Either.match(find(request), { onLeft: Stream.fail, onRight: ([client, routed]) => client.stream(routed) })
  }
}
