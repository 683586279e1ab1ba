/**
 * The dialects of chat completions: OpenAI's answers, rewritten as the others word them. What is said stays the same.
 */
import * as Predicate from "effect/Predicate"
import { chatCompletions } from "./OpenAiChat.js"
import * as OpenAiError from "./OpenAiError.js"
import * as Prose from "./Prose.js"
import * as Seed from "./Seed.js"
import * as Token from "./Token.js"
import type { Call, Events, Frame, Plan, Whole, World } from "./Wire.js"

export interface Dialect {
  /** Where the usage of a stream is: on a chunk of its own if it was asked for, or with the finish reason, unasked. */
  readonly usage: "own chunk" | "finish chunk" | "x_groq" | "choice"
  /** How the model's thoughts are sent, if a request has a reasoning effort or enables thinking. */
  readonly reasoning: "reasoning_content" | "reasoning" | "thinking" | "hidden"
  /** A streamed tool call comes in pieces, or whole; `bare` without its index and type. */
  readonly toolCalls: "pieces" | "whole" | "bare"
  /** The finish reason of an answer that grew too long. */
  readonly length: "length" | "model_length"
  /** Fields that are an error, though OpenAI takes them. */
  readonly refuses: ReadonlyArray<string>
}

/** OpenAI's own. */
export const plain: Dialect = {
  usage: "own chunk",
  reasoning: "hidden",
  toolCalls: "pieces",
  length: "length",
  refuses: []
}

type Fields = Readonly<Record<string, unknown>>

const record = (value: unknown): Fields => (Predicate.isRecord(value) ? value : {})

/** Answers a chat request in a dialect. */
export const chat =
  (dialect: Dialect) =>
  (call: Call, world: World): Plan => {
    const body = record(call.json)
    const refused = dialect.refuses.find((field) => body[field] !== undefined)
    if (refused !== undefined) {
      return {
        ...OpenAiError.invalid("Extra inputs are not permitted", `body.${refused}`, "extra_forbidden"),
        status: 422
      }
    }
    const asked = dialect.usage === "own chunk" ? body["stream_options"] : { include_usage: true }
    const plan = chatCompletions(
      { ...call, json: Predicate.isRecord(call.json) ? { ...body, stream_options: asked } : call.json },
      world
    )
    if (plan._tag === "Refused") return plan
    const thoughts = dialect.reasoning === "hidden" ? [] : thoughtsOf(body, world)
    return plan._tag === "Whole" ? rewriteWhole(plan, dialect, thoughts) : rewriteEvents(plan, dialect, thoughts)
  }

/** What the model thinks first; all of it follows from the messages. */
const thoughtsOf = (body: Fields, world: World): ReadonlyArray<string> => {
  const effort = body["reasoning_effort"] ?? "none"
  return effort === "none" && record(body["thinking"])["type"] !== "enabled"
    ? []
    : Token.split(Prose.paragraph(Seed.choices("thoughts", world.seed, Seed.canonical(body["messages"]))))
}

// --- Whole answers -----------------------------------------------------------

const rewriteWhole = (plan: Whole, dialect: Dialect, thoughts: ReadonlyArray<string>): Whole => {
  const answer = record(JSON.parse(plan.body))
  const choice = firstChoice(answer)
  const message = record(choice["message"])
  return {
    ...plan,
    outputTokens: plan.outputTokens + thoughts.length,
    body: JSON.stringify({
      ...answer,
      choices: [
        {
          ...choice,
          message: {
            ...message,
            ...(thoughts.length === 0 ? {} : reasoning(dialect, thoughts.join(""), message["content"])),
            ...("tool_calls" in message ? { tool_calls: callsOf(message).map(dressed(dialect)) } : {})
          },
          finish_reason: finishReason(dialect, choice)
        }
      ],
      usage: usageWith(record(answer["usage"]), thoughts)
    })
  }
}

// --- Streams -----------------------------------------------------------------

const rewriteEvents = (plan: Events, dialect: Dialect, thoughts: ReadonlyArray<string>): Events => {
  const [opening = ""] = plan.opening
  const start = payload(opening)
  const tokens =
    callsOf(deltaOf(payload(plan.tokens[0]?.text ?? ""))).length > 0 && dialect.toolCalls !== "pieces"
      ? wholeCalls(plan.tokens, dialect)
      : plan.tokens
  const thinking = thoughts.map((thought): Frame => ({
    text: frame(withDelta(start, reasoning(dialect, thought, ""))),
    tokens: 1
  }))
  return {
    ...plan,
    outputTokens: plan.outputTokens + thoughts.length,
    tokens: [...thinking, ...tokens],
    closing: closing(plan.closing, dialect, thoughts)
  }
}

/** OpenAI closes with a finish chunk, and a chunk of usage where it was asked for. */
const closing = (
  frames: ReadonlyArray<string>,
  dialect: Dialect,
  thoughts: ReadonlyArray<string>
): ReadonlyArray<string> => {
  const [finish, last] = frames.map(payload)
  if (finish === undefined) return frames
  const choice = { ...firstChoice(finish), finish_reason: finishReason(dialect, firstChoice(finish)) }
  const usage = last === undefined ? undefined : usageWith(record(last["usage"]), thoughts)
  switch (dialect.usage) {
    case "own chunk":
      return [frame({ ...finish, choices: [choice] }), ...(last === undefined ? [] : [frame({ ...last, usage })])]
    case "finish chunk":
      return [frame({ ...finish, choices: [choice], usage })]
    case "x_groq":
      return [frame({ ...finish, choices: [choice], x_groq: { id: finish["id"], usage } })]
    case "choice":
      return [frame({ ...finish, choices: [{ ...choice, usage }] })]
  }
}

/** The pieces of each call as one frame. */
const wholeCalls = (frames: ReadonlyArray<Frame>, dialect: Dialect): ReadonlyArray<Frame> => {
  const whole: Array<{ chunk: Fields; readonly call: Fields; text: string; tokens: number }> = []
  for (const { text, tokens } of frames) {
    const chunk = payload(text)
    for (const call of callsOf(deltaOf(chunk))) {
      const last = whole.at(-1)
      const piece = String(record(call["function"])["arguments"] ?? "")
      if (last === undefined || last.call["index"] !== call["index"]) whole.push({ chunk, call, text: piece, tokens })
      else {
        last.text += piece
        last.tokens += tokens
      }
    }
  }
  return whole.map(({ call, chunk, text, tokens }) => ({
    text: frame(
      withDelta(chunk, {
        tool_calls: [dressed(dialect)({ ...call, function: { ...record(call["function"]), arguments: text } })]
      })
    ),
    tokens
  }))
}

// --- Pieces of answers -------------------------------------------------------

const payload = (text: string): Fields =>
  text.startsWith("data: ") ? record(JSON.parse(text.slice("data: ".length))) : {}

const frame = (chunk: Fields): string => `data: ${JSON.stringify(chunk)}\n\n`

const firstChoice = (answer: Fields): Fields => (Array.isArray(answer["choices"]) ? record(answer["choices"][0]) : {})

const deltaOf = (chunk: Fields): Fields => record(firstChoice(chunk)["delta"])

const withDelta = (chunk: Fields, delta: Fields): Fields => ({ ...chunk, choices: [{ ...firstChoice(chunk), delta }] })

const callsOf = (message: Fields): ReadonlyArray<Fields> =>
  Array.isArray(message["tool_calls"]) ? message["tool_calls"].map(record) : []

const dressed =
  (dialect: Dialect) =>
  (call: Fields): Fields =>
    dialect.toolCalls === "bare" ? { id: call["id"], function: call["function"] } : call

const finishReason = (dialect: Dialect, choice: Fields): unknown =>
  choice["finish_reason"] === "length" ? dialect.length : choice["finish_reason"]

/** The field, or the first part of the content, that holds a thought. */
const reasoning = (dialect: Dialect, thought: string, content: unknown): Fields =>
  dialect.reasoning === "thinking"
    ? {
        content: [
          { type: "thinking", thinking: [{ type: "text", text: thought }] },
          ...(typeof content === "string" && content !== "" ? [{ type: "text", text: content }] : [])
        ]
      }
    : { [dialect.reasoning]: thought }

const usageWith = (usage: Fields, thoughts: ReadonlyArray<string>): Fields =>
  thoughts.length === 0
    ? usage
    : {
        ...usage,
        completion_tokens: Number(usage["completion_tokens"]) + thoughts.length,
        total_tokens: Number(usage["total_tokens"]) + thoughts.length,
        completion_tokens_details: { reasoning_tokens: thoughts.length }
      }
