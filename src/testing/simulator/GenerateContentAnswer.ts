/** `generateContent` and `streamGenerateContent`: the answer as one body, or as a stream of bodies of the same shape. */
import * as ChatAnswer from "./ChatAnswer.js"
import * as Request from "./GenerateContentRequest.js"
import * as Prose from "./Prose.js"
import * as Seed from "./Seed.js"
import type { Call, Events, Frame, Plan, Whole, World } from "./Wire.js"

type Fields = Readonly<Record<string, unknown>>

/** An answer in the words of this wire. */
interface Said {
  readonly task: Request.Task
  readonly id: string
  readonly thoughts: ReadonlyArray<Fields>
  /** Each with the tokens that it takes. */
  readonly parts: ReadonlyArray<readonly [part: Fields, tokens: number]>
  readonly signature: string | undefined
  readonly finishReason: string
  readonly reasoningTokens: number
  readonly cachedTokens: number
}

export const generate = (call: Call, name: string, stream: boolean, world: World): Plan => {
  const task = Request.read(call, name, stream, world)
  if (task._tag === "Refused") return task
  const blocked = scripted(task, "block")
  if (blocked !== undefined) return refusedPrompt(task, blocked)
  const said = say(task, world)
  return stream ? events(said) : whole(said)
}

/**
 * What a prompt tells the simulator to do: `simulate:block=SAFETY` refuses the prompt, `simulate:finish=RECITATION`
 * withholds the answer.
 */
const scripted = (task: Request.Task, deed: "block" | "finish"): string | undefined =>
  new RegExp(`simulate:${deed}=([A-Z_]+)`).exec(task.messages.map((message) => message.text).join(" "))?.[1]

const say = (task: Request.Task, world: World): Said => {
  const answer = ChatAnswer.answer(task, world)
  const choose = Seed.choices(answer.key, "identity")
  const id = choose.text(22)
  const signature = answer.reasoningTokens === 0 ? undefined : choose.text(64)
  const calls = answer.toolCalls.flatMap((call, index): ReadonlyArray<readonly [Fields, number]> => {
    const args = parse(call.arguments.join(""))
    // A call that the limit of tokens cut is not given out.
    if (args === undefined) return []
    const functionCall = {
      ...(signature === undefined ? {} : { id: Seed.choices(call.id).text(8) }),
      name: call.name,
      args
    }
    const signed =
      index === 0 && signature !== undefined ? { functionCall, thoughtSignature: signature } : { functionCall }
    return [[signed, call.nameTokens + call.arguments.length]]
  })
  return {
    task,
    id,
    thoughts:
      task.includeThoughts && signature !== undefined
        ? [{ text: Prose.paragraph(Seed.choices(answer.key, "thoughts")), thought: true }]
        : [],
    parts: answer.toolCalls.length > 0 ? calls : answer.text.map((token) => [{ text: token }, 1]),
    signature: answer.toolCalls.length > 0 ? undefined : signature,
    finishReason: scripted(task, "finish") ?? (answer.finishReason === "length" ? "MAX_TOKENS" : "STOP"),
    reasoningTokens: answer.reasoningTokens,
    cachedTokens: world.cachedTokens(task.model.id, task.prompt)
  }
}

const parse = (text: string): unknown => {
  // A cut text is no JSON.
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

const outputTokens = (said: Said): number => said.parts.reduce((sum, [, tokens]) => sum + tokens, 0)

/** The figures when that many tokens of the answer were given out. */
const usageAt = ({ cachedTokens, reasoningTokens, task }: Said, given: number): Fields => ({
  promptTokenCount: task.promptTokens,
  ...(given === 0 ? {} : { candidatesTokenCount: given }),
  totalTokenCount: task.promptTokens + given + reasoningTokens,
  ...(cachedTokens === 0 ? {} : { cachedContentTokenCount: cachedTokens }),
  promptTokensDetails: [{ modality: "TEXT", tokenCount: task.promptTokens }],
  ...(reasoningTokens === 0 ? {} : { thoughtsTokenCount: reasoningTokens })
})

const safetyRatings = (reason: string): ReadonlyArray<Fields> =>
  ["HARM_CATEGORY_HARASSMENT", "HARM_CATEGORY_DANGEROUS_CONTENT"].map((category) =>
    reason === "SAFETY" && category.endsWith("DANGEROUS_CONTENT")
      ? { category, probability: "HIGH", blocked: true }
      : { category, probability: "NEGLIGIBLE" }
  )

const chunk = (said: Said, parts: ReadonlyArray<Fields>, given: number, isLast: boolean): Fields => ({
  candidates: [
    {
      content: { parts, role: "model" },
      ...(isLast ? { finishReason: said.finishReason } : {}),
      index: 0,
      ...(isLast && said.finishReason === "SAFETY" ? { safetyRatings: safetyRatings("SAFETY") } : {})
    }
  ],
  usageMetadata: usageAt(said, given),
  modelVersion: said.task.model.snapshot,
  responseId: said.id
})

const billed = (said: Said) => ({
  model: said.task.model.id,
  inputTokens: said.task.promptTokens,
  outputTokens: outputTokens(said) + said.reasoningTokens
})

const whole = (said: Said): Whole => {
  const text = said.parts.map(([part]) => part["text"] ?? "").join("")
  const signed = said.signature === undefined ? { text } : { text, thoughtSignature: said.signature }
  const calls = said.parts.flatMap(([part]) => ("functionCall" in part ? [part] : []))
  const parts = [...said.thoughts, ...(calls.length > 0 ? calls : [signed])]
  return {
    _tag: "Whole",
    ...billed(said),
    body: JSON.stringify(chunk(said, parts, outputTokens(said), true), null, 2)
  }
}

const frame = (body: Fields): string => `data: ${JSON.stringify(body)}\r\n\r\n`

const events = (said: Said): Events => {
  let given = 0
  const signed = said.signature === undefined ? { text: "" } : { text: "", thoughtSignature: said.signature }
  return {
    _tag: "Events",
    ...billed(said),
    opening: said.thoughts.map((thought) => frame(chunk(said, [thought], 0, false))),
    tokens: said.parts.map(([part, tokens]): Frame => {
      given += tokens
      return { text: frame(chunk(said, [part], given, false)), tokens }
    }),
    closing: [frame(chunk(said, [signed], given, true))],
    terminator: ""
  }
}

/** A prompt that the filters refuse is answered, without candidates. */
const refusedPrompt = (task: Request.Task, blockReason: string): Plan => {
  const body = {
    promptFeedback: { blockReason, safetyRatings: safetyRatings(blockReason) },
    usageMetadata: { promptTokenCount: task.promptTokens, totalTokenCount: task.promptTokens },
    modelVersion: task.model.snapshot
  }
  const bill = { model: task.model.id, inputTokens: task.promptTokens, outputTokens: 0 }
  return task.stream
    ? { _tag: "Events", ...bill, opening: [], tokens: [], closing: [frame(body)], terminator: "" }
    : { _tag: "Whole", ...bill, body: JSON.stringify(body, null, 2) }
}
