/**
 * How many tokens a call will take, as far as that can be known before: a token per four characters of the prompt, put
 * right by what earlier prompts of that size were reported to have, and the answer's `maxTokens`. Where a request has none,
 * as much as 95 of 100 earlier answers had.
 */
import * as Attempts from "../Attempts.js"
import type { ChatRequest } from "../ChatRequest.js"
import type { EmbedRequest } from "../Embeddings.js"
import type { Usage } from "../Usage.js"

export type Request = ChatRequest | EmbedRequest

/** `isCertain`: the answer cannot be longer. */
export interface Estimate {
  readonly promptTokens: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly isCertain: boolean
}

/** Of an answer, before there was one to learn from. */
const firstOutput = 1000

/** The last of many numbers. */
class Recent {
  private readonly values: Array<number> = []
  private next = 0

  constructor(private readonly size: number) {}

  add(value: number): void {
    this.values[this.next] = value
    this.next = (this.next + 1) % this.size
  }

  /** The smallest that is not exceeded by more than a share of `1 - q`. */
  quantile(q: number): number | undefined {
    const sorted = [...this.values].sort((a, b) => a - b)
    return sorted[Math.min(sorted.length - 1, Math.ceil(q * sorted.length) - 1)]
  }
}

/** A token per four characters. */
export const promptTokens = (request: Request): number =>
  "prompt" in request
    ? Attempts.promptTokens(request)
    : Math.ceil(request.input.reduce((sum, text) => sum + text.length, 0) / 4)

export class TokenEstimate {
  private readonly outputs = new Recent(200)
  /** By how much prompts were longer than estimated, by their order of magnitude: short ones have more around them. */
  private readonly ratios = new Map<string, Recent>()

  of(request: Request, promptTokens: number): Estimate {
    const ratio = this.ratios.get(sizeOf(request, promptTokens))?.quantile(1) ?? 1
    const inputTokens = Math.ceil(promptTokens * ratio)
    if (!("prompt" in request)) return { promptTokens, inputTokens, outputTokens: 0, isCertain: true }
    const outputTokens = request.maxTokens ?? this.outputs.quantile(0.95) ?? firstOutput
    return { promptTokens, inputTokens, outputTokens, isCertain: request.maxTokens !== undefined }
  }

  learn(request: Request, promptTokens: number, { inputTokens, outputTokens }: Usage): void {
    if (outputTokens !== undefined && "prompt" in request) this.outputs.add(outputTokens)
    if (inputTokens === undefined || promptTokens <= 0) return
    const size = sizeOf(request, promptTokens)
    const ratios = this.ratios.get(size) ?? new Recent(50)
    this.ratios.set(size, ratios)
    ratios.add(inputTokens / promptTokens)
  }
}

const sizeOf = (request: Request, promptTokens: number): string =>
  `${"prompt" in request ? "chat" : "embed"} ${Math.floor(Math.log2(Math.max(1, promptTokens)))}`

/** All tokens of a call, where they were reported. */
export const total = ({ inputTokens, outputTokens, totalTokens }: Usage): number | undefined =>
  inputTokens !== undefined && outputTokens !== undefined
    ? inputTokens + outputTokens
    : (totalTokens ?? (outputTokens === undefined ? inputTokens : undefined))
