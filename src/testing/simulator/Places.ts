/** Where at the simulator each provider finds its API: what its `baseUrl` (or `endpoint`) must be, behind the host. */
import * as Record from "effect/Record"
import { vendorPaths } from "./Vendors.js"

const places = {
  openai: "/v1",
  // Its two surfaces are both below it.
  "azure-openai": "",
  "azure-meta-llama": "/score",
  anthropic: "",
  gemini: "",
  zhipu: "/api/paas/v4",
  ...vendorPaths
} as const

/** A provider that the simulator has a place for, by its name in errors. */
export type Provider = keyof typeof places

/** The URL for each provider. */
export const urlsAt = (origin: string): Readonly<Record<Provider, string>> =>
  Record.map(places, (path) => origin + path)
