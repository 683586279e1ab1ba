/**
 * Many clients by name, as data: each is made once, and lives as long as the layer of them all. There is no global registry:
 * who wants another set of clients provides another layer.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { LlmClient, type Service as Client } from "../LlmClient.js"
import * as Several from "../policy/Several.js"
import * as Providers from "../provider/Providers.js"

/** The clients of a layer. */
export interface Service {
  /** In the order in which they were given. */
  readonly names: ReadonlyArray<string>
  /** The client of this name. The error lists all names. */
  readonly get: (name: string) => Effect.Effect<Client, UnknownClient>
}

export class Clients extends Context.Tag("effect-llm/Clients")<Clients, Service>() {}

/** There is no client of this name; `names` are those that there are. */
export class UnknownClient extends Schema.TaggedError<UnknownClient>("effect-llm/UnknownClient")("UnknownClient", {
  name: Schema.String,
  names: Schema.Array(Schema.String)
}) {
  override get message(): string {
    return `there is no client ${JSON.stringify(this.name)}; there are ${this.names.join(", ")}`
  }
}

/** A client as data: the name of its provider, and what stands before that provider's variables. */
export interface Spec<Name extends string = string> extends Providers.Options {
  readonly provider: Name
}

/** A client as data, or a layer of one, such as a provider with policies around it. */
export type Entry = Spec | Layer.Layer<LlmClient, unknown, unknown>

type Entries = Readonly<Record<string, Entry>>

type ErrorOf<E> = E extends Layer.Layer<LlmClient, infer Err, unknown> ? Err : never

type NeedsOf<E> = E extends Layer.Layer<LlmClient, unknown, infer R> ? R : HttpClient.HttpClient

/** - `providers`: more of them, of your own; they stand before those of the same name */
export interface Options<P extends Providers.Registry = Providers.Registry<never, never>> {
  readonly providers?: P | undefined
}

/**
 * `Clients` from data. Fails with a `ConfigError` whose path begins with the client's name.
 *
 * ```ts
 * Clients.layer({
 *   fast: { provider: "openai", model: "gpt-4.1-mini" },
 *   safe: Anthropic.layerConfig({ model: "claude-sonnet-4-5" }).pipe(Policy.retry(RetryPolicy.standard))
 * })
 * ```
 */
export function layer<const E extends Entries, P extends Providers.Registry = Providers.Registry<never, never>>(
  entries: E,
  options?: Options<P>
): Layer.Layer<
  Clients,
  ConfigError.ConfigError | ErrorOf<E[keyof E]> | Providers.ErrorOf<P>,
  NeedsOf<E[keyof E]> | Providers.NeedsOf<P>
>
export function layer(
  entries: Entries,
  { providers }: Options<Providers.Registry> = {}
): Layer.Layer<Clients, unknown, unknown> {
  return Several.join(
    Clients,
    Object.entries(entries).map(([name, entry]) => [name, isSpec(entry) ? layerOfSpec(name, entry, providers) : entry]),
    (clients) => Effect.succeed(fromMap(new Map(clients)))
  )
}

/** The client of this name. */
export const get = (name: string): Effect.Effect<Client, UnknownClient, Clients> =>
  Effect.flatMap(Clients, (clients) => clients.get(name))

/** The client of this name as the `LlmClient` of a program: `Effect.provide(program, Clients.layerOf("fast"))`. */
export const layerOf = (name: string): Layer.Layer<LlmClient, UnknownClient, Clients> =>
  Layer.effect(LlmClient, get(name))

const isSpec = (entry: Entry): entry is Spec => !Layer.isLayer(entry)

const layerOfSpec = (
  client: string,
  { provider, ...options }: Spec,
  providers: Providers.Registry | undefined
): Layer.Layer<LlmClient, unknown, unknown> =>
  Layer.unwrapEffect(
    Effect.map(Providers.find(["provider"], provider, providers), ([name, found]) =>
      Providers.layerOf(name, found, options)
    )
  ).pipe(Layer.mapError((error) => (ConfigError.isConfigError(error) ? ConfigError.prefixed(error, [client]) : error)))

const fromMap = (clients: ReadonlyMap<string, Client>): Service => {
  const names = [...clients.keys()]
  return {
    names,
    get: (name) =>
      Effect.suspend(() => {
        const client = clients.get(name)
        return client === undefined ? Effect.fail(new UnknownClient({ name, names })) : Effect.succeed(client)
      })
  }
}
