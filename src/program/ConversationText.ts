/**
 * Messages as one text, and back. What is said in one cannot become another, whatever it holds.
 */
import * as Either from "effect/Either"
import * as Schema from "effect/Schema"
import * as Prompt from "../Prompt.js"
import type { Options, Speaker } from "./ConversationPresets.js"
import * as MarkerEscape from "./MarkerEscape.js"

/**
 * - `Unsupported`: a message that plain text has no words for: pictures, files, tools, names, a system message in between
 * - `Marker`: a message has a marker of the template, which is refused or cannot be broken
 * - `NotATurn`: the text that was read back has something else where a message should begin or end, at `position`
 *
 * `message` says which; `index` is that of the message.
 */
export class ConversationTemplateError extends Schema.TaggedError<ConversationTemplateError>(
  "effect-llm/ConversationTemplateError"
)("ConversationTemplateError", {
  reason: Schema.Literal("Unsupported", "Marker", "NotATurn"),
  template: Schema.String,
  message: Schema.String,
  index: Schema.optional(Schema.Number),
  position: Schema.optional(Schema.Number)
}) {}

/** One prompt, and what ends the answer to it. */
export interface Rendered {
  readonly text: string
  readonly stop: ReadonlyArray<string>
}

export interface ConversationTemplate {
  readonly options: Options
  /** What the prompt ends with, so that the assistant answers. */
  readonly open: string
  /**
   * The messages as one text that ends with `open`, so that the assistant answers (unless `open` is false). `parse` gives
   * the same messages back: those that plain text has no words for fail. Thoughts of the assistant are left out.
   */
  readonly render: (
    messages: Prompt.Input,
    options?: { readonly open?: boolean }
  ) => Either.Either<Rendered, ConversationTemplateError>
  /** The messages of a text. An answer at its end may lack its separator, which the provider took for a stop string. */
  readonly parse: (text: string) => Either.Either<Prompt.Prompt, ConversationTemplateError>
}

const speakers: ReadonlyArray<Speaker> = ["system", "user", "assistant"]

const isSpeaker = (role: Prompt.Role): role is Speaker => role !== "tool"

/** A template from its roles, separators and stop strings, or from one of the `presets`. */
export const make = (options: Options): ConversationTemplate => {
  const { conflict = "escape", delimiter = ": ", name, roles, separator: one, stop } = options
  const separators = typeof one === "string" ? { system: one, user: one, assistant: one } : one
  const prefixOf = (speaker: Speaker): string => (roles[speaker] === "" ? "" : roles[speaker] + delimiter)
  const open = options.open ?? prefixOf("assistant").replace(/ +$/, "")

  // Separators are told by what of them is no white space; where one is nothing else, the words of the roles tell.
  const texts = Object.values(separators)
  const from = texts.includes("") ? "anywhere" : texts.some((text) => text.trim() === "") ? "word" : "line"
  const markers: ReadonlyArray<MarkerEscape.Marker> = [
    ...[...texts, ...stop, ...(options.markers ?? [])].map(
      (text) => ({ text: text.trim(), from: "anywhere" }) as const
    ),
    ...speakers.map((speaker) => ({ text: prefixOf(speaker).trim(), from }) as const)
  ].filter(({ text }) => text !== "")
  const breakable = markers.filter(({ text }) => text.length > 1 && !text.includes("\\"))
  const unbreakable = markers.filter((marker) => !breakable.includes(marker))

  /** What the message at an index may begin with, the longest first. */
  const beginnings = (index: number, previous: Speaker | undefined): ReadonlyArray<readonly [Speaker, string]> =>
    speakers
      .map((speaker) => {
        const isAfterSystem = speaker === "user" && previous === "system"
        return [speaker, isAfterSystem ? (options.userAfterSystem ?? prefixOf(speaker)) : prefixOf(speaker)] as const
      })
      .filter(([speaker, prefix]) => speaker !== "system" || prefix !== "" || index === 0)
      .sort(([, a], [, b]) => b.length - a.length)

  const failure = (
    reason: ConversationTemplateError["reason"],
    message: string,
    at: { readonly index?: number; readonly position?: number }
  ): Either.Either<never, ConversationTemplateError> =>
    Either.left(new ConversationTemplateError({ reason, template: name, message, ...at }))

  const textOf = (message: Prompt.Message, index: number): Either.Either<string, ConversationTemplateError> => {
    const strange = message.content.find(({ _tag }) => _tag !== "Text" && _tag !== "Reasoning")
    if (strange !== undefined) {
      return failure("Unsupported", `message ${index} has a part of type ${strange._tag}: ${name} has text alone`, {
        index
      })
    }
    if (message.name !== undefined) {
      return failure("Unsupported", `message ${index} has a name, which ${name} has no place for`, { index })
    }
    return Either.right(Prompt.textOf(message))
  }

  const written = (text: string, speaker: Speaker, index: number): Either.Either<string, ConversationTemplateError> => {
    const rest = separators[speaker]
    if (MarkerEscape.has(text, rest, conflict === "refuse" ? markers : unbreakable)) {
      return failure("Marker", `message ${index} has a text that ${name} keeps for itself`, { index })
    }
    return Either.right(MarkerEscape.escape(text, rest, breakable))
  }

  const render: ConversationTemplate["render"] = (input, { open: isOpen = true } = {}) => {
    const messages = Prompt.make(input)
    let text = ""
    let previous: Speaker | undefined
    for (const [index, message] of messages.entries()) {
      const { role } = message
      const prefix = beginnings(index, previous).find(([speaker]) => speaker === role)?.[1]
      if (!isSpeaker(role) || prefix === undefined) {
        return failure("Unsupported", `message ${index} of role ${role} cannot stand there in ${name}`, { index })
      }
      const body = Either.flatMap(textOf(message, index), (said) => written(said, role, index))
      if (Either.isLeft(body)) return Either.left(body.left)
      text += prefix + body.right + separators[role]
      previous = role
    }
    if (isOpen) text += open
    // Nobody's words may become another's turn: with roles and separators of one's own, this is the last proof.
    const read = parse(text)
    const isSame =
      Either.isRight(read) &&
      read.right.length === messages.length &&
      read.right.every((each, index) => {
        const message = messages[index]
        return message !== undefined && each.role === message.role && Prompt.textOf(each) === Prompt.textOf(message)
      })
    return isSame
      ? Either.right({ text, stop })
      : failure("Marker", `a message has a text that ${name} would read as another turn`, {})
  }

  const parse: ConversationTemplate["parse"] = (text) => {
    const messages: Array<Prompt.Message> = []
    let previous: Speaker | undefined
    let position = 0
    while (position < text.length && text.slice(position) !== open) {
      const beginning = beginnings(messages.length, previous).find(([, prefix]) => text.startsWith(prefix, position))
      if (beginning === undefined) {
        return failure("NotATurn", `no message of ${name} begins at ${position}`, { index: messages.length, position })
      }
      const [speaker, prefix] = beginning
      const start = position + prefix.length
      const separator = separators[speaker]
      const end = endOf(text, start, separator, beginnings(messages.length + 1, speaker))
      if (end === undefined && speaker !== "assistant") {
        return failure("NotATurn", `the message that begins at ${position} has no end`, {
          index: messages.length,
          position
        })
      }
      const body = MarkerEscape.unescape(text.slice(start, end), separator, breakable)
      messages.push({ role: speaker, content: [Prompt.text(body)] })
      previous = speaker
      position = end === undefined ? text.length : end + separator.length
    }
    return Either.right(messages)
  }

  /** The first separator behind which a message begins, or nothing more comes. */
  const endOf = (
    text: string,
    start: number,
    separator: string,
    next: ReadonlyArray<readonly [Speaker, string]>
  ): number | undefined => {
    for (
      let end = text.indexOf(separator, start);
      end >= 0 && end <= text.length;
      end = text.indexOf(separator, end + 1)
    ) {
      const behind = end + separator.length
      const isLast = behind === text.length || (text.length - behind === open.length && text.endsWith(open))
      if (isLast || next.some(([, prefix]) => text.startsWith(prefix, behind))) return end
      if (end === text.length) return undefined
    }
    return undefined
  }

  return { options, open, render, parse }
}
