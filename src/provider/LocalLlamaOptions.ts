/**
 * What a local model is told: where it is, and how it is run.
 */
import type * as Duration from "effect/Duration"
import type * as Redacted from "effect/Redacted"
import type * as ChatRequest from "../ChatRequest.js"
import type { OnProgress } from "./LocalLlamaDownload.js"
import type { Import } from "./LocalLlamaEngine.js"

/**
 * - `model`: a GGUF file, or `hf:owner/model:Q4_K_M`, `hf:owner/model/file.gguf` or the URL of one, which is downloaded
 *   once. Requests that name a model must name its file without `.gguf`, or the URI
 * - `modelsDirectory`: where downloads are kept. Default: `.node-llama-cpp/models` in the home folder
 * - `token`: of Hugging Face, for models that need one
 * - `endpoint`: a mirror of Hugging Face. Default: `https://huggingface.co`
 * - `downloadTimeout`: how long a download may stand still. Default: 1 minute
 * - `onProgress`: hears how far the loading is. Default: a line in the log at every tenth of a download
 * - `contextSize`: the most tokens of one call, prompt and answer together; the engine rounds it up to a multiple of 256.
 *   Default: 4096, or what the model was trained with, if that is less
 * - `gpu`: default `auto`, the best there is; `false` is the CPU alone
 * - `threads`: default: one for each core
 * - `sequences`: how many calls are answered at a time; each has a context of its own. Default: 1
 * - `maxQueue`: how many more may wait; beyond that, calls fail as `Overloaded`. Default: 64
 * - `chatTemplate`: a Jinja template in place of the model's own; `auto` leaves it to the engine, which knows some families
 *   better than their templates say (gpt-oss), and adds a system message to others
 * - `promptCache`: keep what was read, so that a conversation that goes on is not read again; answers to equal requests
 *   may then differ where two tokens are as good as equal. Default: false
 * - `defaults`: settings for every request that has none of its own
 * - `engine`: gives the package `node-llama-cpp`, where it cannot be imported by its name. Default: imports it
 */
export interface Options {
  readonly model: string
  readonly modelsDirectory?: string | undefined
  readonly token?: Redacted.Redacted | undefined
  readonly endpoint?: string | undefined
  readonly downloadTimeout?: Duration.DurationInput | undefined
  readonly onProgress?: OnProgress | undefined
  readonly contextSize?: number | undefined
  readonly gpu?: "auto" | "metal" | "cuda" | "vulkan" | false | undefined
  readonly threads?: number | undefined
  readonly sequences?: number | undefined
  readonly maxQueue?: number | undefined
  readonly chatTemplate?: string | undefined
  readonly promptCache?: boolean | undefined
  readonly defaults?: ChatRequest.Settings | undefined
  readonly engine?: Import | undefined
}

/** The same where configuration has the rest. */
export type ConfigOptions = { readonly [Name in keyof Options]?: Options[Name] | undefined }
