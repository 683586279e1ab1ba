/**
 * What is said to a model: messages made of parts. Plain data, so that it can be stored, compared and sent.
 */
import * as Encoding from "effect/Encoding"
import * as Schema from "effect/Schema"

/** Where the bytes of an image or a file are: at a URL that the provider fetches, or here as base64. */
export const Source = Schema.Union(
  Schema.TaggedStruct("Url", { url: Schema.String }),
  Schema.TaggedStruct("Base64", { base64: Schema.String })
)

export type Source = typeof Source.Type

export const TextPart = Schema.TaggedStruct("Text", { text: Schema.String })

export interface TextPart extends Schema.Schema.Type<typeof TextPart> {}

/** `mediaType` such as `image/png` is needed for base64 sources; `detail` is how closely the model should look. */
export const ImagePart = Schema.TaggedStruct("Image", {
  source: Source,
  mediaType: Schema.optional(Schema.String),
  detail: Schema.optional(Schema.Literal("auto", "low", "high"))
})

export interface ImagePart extends Schema.Schema.Type<typeof ImagePart> {}

/** A document or a recording, told apart by its `mediaType` (`application/pdf`, `audio/wav`, `audio/mpeg`, …). */
export const FilePart = Schema.TaggedStruct("File", {
  source: Source,
  mediaType: Schema.String,
  name: Schema.optional(Schema.String)
})

export interface FilePart extends Schema.Schema.Type<typeof FilePart> {}

/** A call that the model made. `arguments` is its JSON text as the model wrote it; `{}` where it wrote nothing. */
export const ToolCallPart = Schema.TaggedStruct("ToolCall", {
  id: Schema.String,
  name: Schema.String,
  arguments: Schema.String
})

export interface ToolCallPart extends Schema.Schema.Type<typeof ToolCallPart> {}

/** The answer to a tool call, by the call's `id`. `content` is text, usually JSON. */
export const ToolResultPart = Schema.TaggedStruct("ToolResult", {
  id: Schema.String,
  content: Schema.String,
  isError: Schema.optional(Schema.Boolean)
})

export interface ToolResultPart extends Schema.Schema.Type<typeof ToolResultPart> {}

/**
 * What the model thought. `signature` proves its origin to the providers that want it back, `signedBy` is the name of the
 * one that signed: any other would refuse the signature, and does not get it. Without a name everyone does.
 */
export const ReasoningPart = Schema.TaggedStruct("Reasoning", {
  text: Schema.String,
  signature: Schema.optional(Schema.String),
  signedBy: Schema.optional(Schema.String)
})

export interface ReasoningPart extends Schema.Schema.Type<typeof ReasoningPart> {}

export const Part = Schema.Union(TextPart, ImagePart, FilePart, ToolCallPart, ToolResultPart, ReasoningPart)

export type Part = typeof Part.Type

export const Role = Schema.Literal("system", "user", "assistant", "tool")

export type Role = typeof Role.Type

export const Message = Schema.Struct({
  role: Role,
  content: Schema.Array(Part),
  name: Schema.optional(Schema.String)
}).annotations({ identifier: "Message" })

export interface Message extends Schema.Schema.Type<typeof Message> {}

/** Messages, oldest first. */
export const Prompt = Schema.Array(Message).annotations({ identifier: "Prompt" })

export type Prompt = typeof Prompt.Type

/** A message whose content may be a bare string for one text part. */
export interface MessageInput {
  readonly role: Role
  readonly content: string | ReadonlyArray<Part>
  readonly name?: string | undefined
}

/** A bare string is one user message. */
export type Input = string | MessageInput | ReadonlyArray<MessageInput>

// -----------------------------------------------------------------------------
// Constructors
// -----------------------------------------------------------------------------

export const text = (text: string): TextPart => ({ _tag: "Text", text })

/** An image that the provider fetches from a URL (or a `data:` URL). */
export const imageUrl = (url: string, options?: { readonly detail?: "auto" | "low" | "high" }): ImagePart => ({
  _tag: "Image",
  source: { _tag: "Url", url },
  ...options
})

/** An image sent with the request. */
export const imageBytes = (
  bytes: Uint8Array,
  mediaType: string,
  options?: { readonly detail?: "auto" | "low" | "high" }
): ImagePart => ({
  _tag: "Image",
  source: { _tag: "Base64", base64: Encoding.encodeBase64(bytes) },
  mediaType,
  ...options
})

/** A document or recording sent with the request. */
export const fileBytes = (bytes: Uint8Array, mediaType: string, options?: { readonly name?: string }): FilePart => ({
  _tag: "File",
  source: { _tag: "Base64", base64: Encoding.encodeBase64(bytes) },
  mediaType,
  ...options
})

const fromContent = (content: string | ReadonlyArray<Part>): ReadonlyArray<Part> =>
  typeof content === "string" ? [text(content)] : content

export const system = (content: string | ReadonlyArray<Part>): Message => ({
  role: "system",
  content: fromContent(content)
})

export const user = (content: string | ReadonlyArray<Part>): Message => ({
  role: "user",
  content: fromContent(content)
})

export const assistant = (content: string | ReadonlyArray<Part>): Message => ({
  role: "assistant",
  content: fromContent(content)
})

/** The answer to the tool call of this `id`. */
export const toolResult = (id: string, content: string, options?: { readonly isError?: boolean }): Message => ({
  role: "tool",
  content: [{ _tag: "ToolResult", id, content, ...options }]
})

const fromMessageInput = (input: MessageInput): Message => ({
  role: input.role,
  content: fromContent(input.content),
  ...(input.name === undefined ? {} : { name: input.name })
})

const isMessages = (input: MessageInput | ReadonlyArray<MessageInput>): input is ReadonlyArray<MessageInput> =>
  Array.isArray(input)

/** A prompt from a string, a message or messages. */
export const make = (input: Input): Prompt =>
  typeof input === "string"
    ? [user(input)]
    : isMessages(input)
      ? input.map(fromMessageInput)
      : [fromMessageInput(input)]

/** All text of a message's parts, joined as it stands. */
export const textOf = (message: Message): string => {
  let out = ""
  for (const part of message.content) if (part._tag === "Text") out += part.text
  return out
}
