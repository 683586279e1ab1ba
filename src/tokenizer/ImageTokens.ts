/**
 * What a picture costs, by the rules that OpenAI has published: either so many tokens for the picture and for every tile
 * of 512 pixels, or a share of a token for every patch of 32 pixels. Other makers' models are estimated by the same.
 */
import * as Option from "effect/Option"
import type { ImagePart } from "../Prompt.js"
import { type ImageSize, sizeOf } from "./ImageSize.js"
import { baseName } from "./ModelEncodings.js"

type Rule = { readonly base: number; readonly tile: number } | { readonly perPatch: number }

const standard: Rule = { base: 85, tile: 170 }

/** The first that fits. */
const rules: ReadonlyArray<readonly [RegExp, Rule]> = [
  [/^gpt-4o-mini/, { base: 2833, tile: 5667 }],
  [/^(?:gpt-4\.1-mini|gpt-41-mini)/, { perPatch: 1.62 }],
  [/^(?:gpt-4\.1-nano|gpt-41-nano)/, { perPatch: 2.46 }],
  [/^gpt-5[^-]*-mini/, { perPatch: 1.62 }],
  [/^gpt-5[^-]*-nano/, { perPatch: 2.46 }],
  [/^o4-mini/, { perPatch: 1.72 }],
  [/^gpt-5/, { base: 70, tile: 140 }],
  [/^o[13](?![a-z0-9])/, { base: 75, tile: 150 }]
]

/** Of a picture whose size is not known. */
const usual: ImageSize = { width: 1024, height: 1024 }

/** About how many tokens a picture is to a model. */
export const tokensOf = (image: ImagePart, model: string | undefined): number => {
  const name = model === undefined ? "" : baseName(model)
  const rule = rules.find(([pattern]) => pattern.test(name))?.[1] ?? standard
  const size = Option.getOrElse(sizeOf(image.source), () => usual)
  if ("perPatch" in rule) return Math.ceil(patches(size) * rule.perPatch)
  return image.detail === "low" ? rule.base : rule.base + tiles(size) * rule.tile
}

/** Made smaller to fit 2,048 pixels square, then until the shorter side is 768. */
const tiles = ({ height, width }: ImageSize): number => {
  const fitted = Math.min(1, 2048 / Math.max(width, height))
  const scale = fitted * Math.min(1, 768 / (Math.min(width, height) * fitted))
  return Math.ceil(rounded((width * scale) / 512)) * Math.ceil(rounded((height * scale) / 512))
}

const mostPatches = 1536

/** Made smaller until there are at most 1,536, whole ones along a side. */
const patches = ({ height, width }: ImageSize): number => {
  const whole = Math.ceil(width / 32) * Math.ceil(height / 32)
  if (whole <= mostPatches) return whole
  const scale = Math.sqrt((32 * 32 * mostPatches) / (width * height))
  const across = (width * scale) / 32
  const down = (height * scale) / 32
  const less = scale * Math.min(1, Math.max(1, Math.floor(across)) / across, Math.max(1, Math.floor(down)) / down)
  return Math.min(mostPatches, Math.ceil(rounded((width * less) / 32)) * Math.ceil(rounded((height * less) / 32)))
}

/** Without what floating point adds to a whole number, which would be one tile or patch too many. */
const rounded = (value: number): number => Math.round(value * 1e6) / 1e6
