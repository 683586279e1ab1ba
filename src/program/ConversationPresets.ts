/**
 * How models that continue plain text are told who says what. Plain data: copy one and change what differs.
 */

/** Who speaks in a conversation of plain text. */
export type Speaker = "system" | "user" | "assistant"

/**
 * - `name`: for errors
 * - `system`: the system message of requests that have none. Default: none
 * - `roles`: the words that a message begins with. An empty one for `system`: it stands first, without a word
 * - `delimiter`: between that word and the text. Default: `": "`
 * - `separator`: behind each text, one for all or one for each role
 * - `stop`: what ends an answer
 * - `open`: what the prompt ends with, so that the assistant answers. Default: its word and the delimiter, without space
 * - `userAfterSystem`: what a user's message behind the system message begins with. Default: as any of the user's
 * - `markers`: other texts that nobody may say as they are, such as the special tokens of the model
 * - `conflict`: what is done with a message that has a marker in it: a backslash breaks the marker (`escape`), or the
 *   prompt fails (`refuse`). Default: `escape`
 */
export interface Options {
  readonly name: string
  readonly system?: string | undefined
  readonly roles: Readonly<Record<Speaker, string>>
  readonly delimiter?: string | undefined
  readonly separator: string | Readonly<Record<Speaker, string>>
  readonly stop: ReadonlyArray<string>
  readonly open?: string | undefined
  readonly userAfterSystem?: string | undefined
  readonly markers?: ReadonlyArray<string> | undefined
  readonly conflict?: "escape" | "refuse" | undefined
}

/** ChatGLM behind a worker of Langchain-Chatchat. */
const chatglm: Options = {
  name: "chatglm",
  system: "You are a clever assistant. Do what the user asks of you.",
  roles: { system: "system", user: "user", assistant: "assistant" },
  separator: "\n###",
  stop: ["###"]
}

/** For models that were never trained to chat. */
const zeroShot: Options = {
  name: "zero-shot",
  system: "A conversation between a person who asks and an assistant who answers truly and politely.",
  roles: { system: "", user: "Human", assistant: "Assistant" },
  separator: "\n### ",
  stop: ["###"]
}

/** Vicuna from version 1.1 on. */
const vicuna: Options = {
  name: "vicuna",
  roles: { system: "", user: "USER", assistant: "ASSISTANT" },
  separator: { system: " ", user: " ", assistant: "</s>" },
  stop: ["</s>"]
}

const alpaca: Options = {
  name: "alpaca",
  roles: { system: "", user: "### Instruction", assistant: "### Response" },
  separator: { system: "\n\n", user: "\n\n", assistant: "</s>" },
  stop: ["</s>"]
}

/** Llama 2 Chat: the system message stands inside of the first user's. The tokenizer puts `<s>` before the prompt. */
const llama2: Options = {
  name: "llama-2",
  roles: { system: "[INST] <<SYS>>\n", user: "[INST] ", assistant: "[/INST] " },
  delimiter: "",
  separator: { system: "\n<</SYS>>\n\n", user: " ", assistant: " </s><s>" },
  stop: ["</s>"],
  userAfterSystem: "",
  markers: ["[INST]", "[/INST]", "<<SYS>>", "<</SYS>>", "<s>", "</s>"]
}

/** Llama 3: the tokenizer puts `<|begin_of_text|>` before the prompt. */
const llama3: Options = {
  name: "llama-3",
  roles: {
    system: "<|start_header_id|>system<|end_header_id|>",
    user: "<|start_header_id|>user<|end_header_id|>",
    assistant: "<|start_header_id|>assistant<|end_header_id|>"
  },
  delimiter: "\n\n",
  separator: "<|eot_id|>",
  stop: ["<|eot_id|>"],
  markers: ["<|start_header_id|>", "<|end_header_id|>", "<|begin_of_text|>", "<|end_of_text|>"]
}

/** ChatML: Qwen, Yi, Hermes and many others. */
const chatml: Options = {
  name: "chatml",
  roles: { system: "<|im_start|>system", user: "<|im_start|>user", assistant: "<|im_start|>assistant" },
  delimiter: "\n",
  separator: "<|im_end|>\n",
  stop: ["<|im_end|>"],
  markers: ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
}

export const presets = {
  chatglm,
  "zero-shot": zeroShot,
  vicuna,
  alpaca,
  "llama-2": llama2,
  "llama-3": llama3,
  chatml
} as const
