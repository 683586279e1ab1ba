/**
 * The many servers that speak OpenAI's chat completions: a vendor of the table in `Vendors.ts` by its name, any other
 * server by its base URL.
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import { LlmClient, type Service } from "../LlmClient.js"
import type { Quirks } from "../wire/ChatQuirks.js"
import * as BearerClient from "./BearerClient.js"
import { type Row, type Vendor, vendors, type VendorWithKey } from "./Vendors.js"

export type { Vendor } from "./Vendors.js"

/**
 * - `model`: for requests that name none
 * - `embeddingModel`: the same for embeddings. Default: `model`
 * - `headers`: sent with every request
 * - `defaults`: settings for every request that has none of its own
 * - `quirks`: what the server does differently from OpenAI's chat completions, over what the table says of its vendor
 */
interface AnyOptions extends Omit<BearerClient.Options, "apiKey" | "baseUrl"> {
  readonly quirks?: Partial<Quirks> | undefined
}

/** A vendor of the table. `baseUrl`: default the vendor's own. */
export interface VendorOptions<V extends Vendor> extends AnyOptions {
  readonly vendor: V
  readonly baseUrl?: string | undefined
}

interface WithKey {
  readonly apiKey: Redacted.Redacted
}

interface WithOrWithoutKey {
  readonly apiKey?: Redacted.Redacted | undefined
}

/** Any other server. `provider`: its name in errors, spans and cache keys. Default: `openai-compatible` */
export interface ServerOptions extends AnyOptions, WithOrWithoutKey {
  readonly vendor?: undefined
  readonly provider?: string | undefined
  readonly baseUrl: string
}

export type Options =
  | (VendorOptions<VendorWithKey> & WithKey)
  | (VendorOptions<Exclude<Vendor, VendorWithKey>> & WithOrWithoutKey)
  | ServerOptions

/** What stands before the configuration. */
export interface ConfigOptions extends Partial<AnyOptions>, WithOrWithoutKey {
  readonly baseUrl?: string | undefined
}

/** Whether a text is the name of a vendor, such as one from a configuration. */
export const isVendor = (name: string): name is Vendor => Object.hasOwn(vendors, name)

/** The names of all vendors, in alphabetical order. */
export const vendorNames: ReadonlyArray<Vendor> = Object.keys(vendors).filter(isVendor)

// --- Data sheets -------------------------------------------------------------

const sheetOf = (
  vendor: Vendor,
  quirks: Partial<Quirks> | undefined
): Effect.Effect<BearerClient.DataSheet, ConfigError.ConfigError> => {
  // Where no compiler has looked at it.
  if (!isVendor(vendor))
    return Effect.fail(ConfigError.InvalidData(["vendor"], `the vendors are ${vendorNames.join(", ")}`))
  const row: Row = vendors[vendor]
  return Effect.succeed({
    provider: vendor,
    baseUrl: row.baseUrl,
    needsKey: () => row.isKeyOptional !== true,
    quirks: () => ({ ...row.quirks, ...quirks })
  })
}

const sheetOfServer = ({ provider = "openai-compatible", quirks = {} }: ServerOptions): BearerClient.DataSheet => ({
  provider,
  baseUrl: undefined,
  needsKey: () => false,
  quirks: () => quirks
})

// --- Client and layers -------------------------------------------------------

const names: BearerClient.Names = {
  apiKey: "apiKey",
  model: "model",
  embeddingModel: "embeddingModel",
  baseUrl: "baseUrl"
}

/** The names that `layerConfig` reads for a vendor. */
export const variablesOf = (vendor: Vendor): BearerClient.Names => {
  const prefix = vendor.toUpperCase().replaceAll("-", "_")
  return {
    apiKey: vendors[vendor].keyVariable,
    model: `${prefix}_MODEL`,
    embeddingModel: `${prefix}_EMBEDDING_MODEL`,
    baseUrl: `${prefix}_BASE_URL`
  }
}

/** A client from options. Fails with a `ConfigError` that names the missing or malformed one. */
export const make = (options: Options): Effect.Effect<Service, ConfigError.ConfigError, HttpClient.HttpClient> =>
  options.vendor === undefined
    ? BearerClient.make(sheetOfServer(options), options, names)
    : Effect.flatMap(sheetOf(options.vendor, options.quirks), (sheet) => BearerClient.make(sheet, options, names))

/** `LlmClient` from options. Fails with a `ConfigError` that names the missing or malformed one. */
export const layer = (options: Options): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(LlmClient, make(options))

/**
 * `LlmClient` of a vendor from configuration: its key (`GROQ_API_KEY`, for Qwen `DASHSCOPE_API_KEY`; local servers need
 * none), `<VENDOR>_MODEL`, and where they are set `<VENDOR>_EMBEDDING_MODEL` and `<VENDOR>_BASE_URL`. Options given here
 * stand before the configuration's. Fails with a `ConfigError` that names the missing or malformed variable.
 */
export const layerConfig = (
  vendor: Vendor,
  options: ConfigOptions = {}
): Layer.Layer<LlmClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.effect(
    LlmClient,
    Effect.flatMap(sheetOf(vendor, options.quirks), (sheet) =>
      BearerClient.fromConfig(sheet, options, variablesOf(vendor))
    )
  )
