/**
 * Requests as one text of a conversation template, and answers as the answer alone.
 */
import * as Chunk from "effect/Chunk"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Stream from "effect/Stream"
import * as ChatRequest from "../ChatRequest.js"
import type { Completion } from "../Completion.js"
import { LlmClient, type Service } from "../LlmClient.js"
import { InvalidRequest, type LlmError, notSent, UnsupportedFeature } from "../LlmError.js"
import * as Prompt from "../Prompt.js"
import * as StreamPart from "../StreamPart.js"
import { AnswerText, type Shape } from "./AnswerText.js"
import { type ConversationTemplate, ConversationTemplateError } from "./ConversationText.js"

/**
 * A request as one user's message that has the whole conversation in it, with the template's stop strings: for servers that
 * put one message before a model as it stands.
 */
export const toRequest = (
  template: ConversationTemplate,
  request: ChatRequest.ChatRequest
): Either.Either<ChatRequest.ChatRequest, ConversationTemplateError> => {
  const { name, system } = template.options
  if (request.tools !== undefined && request.tools.length > 0) {
    return Either.left(
      new ConversationTemplateError({ reason: "Unsupported", template: name, message: `${name} knows no tools` })
    )
  }
  const messages =
    system === undefined || request.prompt.some((message) => message.role === "system")
      ? request.prompt
      : [Prompt.system(system), ...request.prompt]
  return Either.map(template.render(messages), ({ stop, text }) => ({
    ...request,
    prompt: [Prompt.user(text)],
    stop: [...new Set([...(request.stop ?? []), ...stop])]
  }))
}

// -----------------------------------------------------------------------------
// Answers
// -----------------------------------------------------------------------------

const shapeOf = ({ open, options: { separator, stop } }: ConversationTemplate): Shape => {
  const own = typeof separator === "string" ? separator : separator.assistant
  const trails = stop.map((each) => own.slice(0, Math.max(0, own.indexOf(each))))
  return {
    label: open.trim(),
    stops: [...stop, ...(own.trim() === "" ? [] : [own])].filter((text) => text !== ""),
    trail: trails.find((trail) => trail !== "") ?? ""
  }
}

/** The parts of an answer without what is no part of it. Owned by one answer. */
const cleaner = (shape: Shape): ((parts: Chunk.Chunk<StreamPart.StreamPart>) => Chunk.Chunk<StreamPart.StreamPart>) => {
  const answer = new AnswerText(shape)
  return Chunk.flatMap((part): Chunk.Chunk<StreamPart.StreamPart> => {
    if (part._tag === "TextDelta") return textOf(answer.push(part.text))
    if (part._tag !== "Finish") return Chunk.of(part)
    const rest = textOf(answer.end())
    // The model went on behind the end of its answer: how it stopped there is not how the answer ended.
    const finishReason = answer.isCut ? { ...part.finishReason, unified: "stop" as const } : part.finishReason
    return Chunk.append(rest, { ...part, finishReason })
  })
}

const textOf = (text: string): Chunk.Chunk<StreamPart.StreamPart> =>
  text === "" ? Chunk.empty() : Chunk.of({ _tag: "TextDelta", text })

const cleaned = (completion: Completion, shape: Shape): Completion => {
  const collector = new StreamPart.Collector()
  for (const part of cleaner(shape)(StreamPart.fromCompletion(completion))) collector.push(part)
  return { ...completion, ...collector.completion() }
}

// -----------------------------------------------------------------------------
// The policy
// -----------------------------------------------------------------------------

/**
 * Sends the requests of a layer as one text of this template: `Zhipu.layerConfig().pipe(ConversationTemplate.policy(glm))`.
 * The word of the assistant's role before an answer, and whatever comes behind a stop string, are taken off it. What the
 * template has no words for is `UnsupportedFeature`, what it cannot say unmistakably `InvalidRequest`, before anything is sent.
 */
export const policy =
  (template: ConversationTemplate) =>
  <E, R>(self: Layer.Layer<LlmClient, E, R>): Layer.Layer<LlmClient, E, R> =>
    Layer.flatMap(self, (context) => Layer.succeed(LlmClient, wrapped(Context.get(context, LlmClient), template)))

const wrapped = (next: Service, template: ConversationTemplate): Service => {
  const shape = shapeOf(template)
  const asked = (request: ChatRequest.ChatRequest): Either.Either<ChatRequest.ChatRequest, LlmError> => {
    // What no provider could take is not hidden in a text: the client says so.
    if (Option.isSome(ChatRequest.validate(request))) return Either.right(request)
    return Either.mapLeft(toRequest(template, request), ({ message, reason }) => {
      const common = { provider: next.provider, model: request.model ?? next.model, ...notSent, message }
      return reason === "Unsupported"
        ? new UnsupportedFeature({ ...common, feature: "conversation template" })
        : new InvalidRequest({ ...common, param: "prompt" })
    })
  }
  return {
    ...next,
    complete: (request) =>
      Effect.map(Effect.flatMap(asked(request), next.complete), (completion) => cleaned(completion, shape)),
    stream: (request) =>
      Either.match(asked(request), {
        onLeft: Stream.fail,
        onRight: (sent) => Stream.suspend(() => Stream.mapChunks(next.stream(sent), cleaner(shape)))
      })
  }
}
