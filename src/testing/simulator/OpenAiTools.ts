/** Tools and response formats of a chat request, with OpenAI's rules for them. */
import * as Predicate from "effect/Predicate"
import { invalid } from "./OpenAiError.js"
import type { Message } from "./OpenAiMessages.js"
import { strictFault } from "./StrictSchema.js"
import * as Token from "./Token.js"
import type { Refused } from "./Wire.js"

export interface Tool {
  readonly name: string
  readonly parameters: unknown
}

export interface Tools {
  readonly _tag: "Tools"
  readonly list: ReadonlyArray<Tool>
  readonly choice: "auto" | "none" | "required" | { readonly name: string }
  readonly tokens: number
}

export type Format =
  | { readonly _tag: "Text" }
  | { readonly _tag: "JsonObject" }
  | { readonly _tag: "JsonSchema"; readonly schema: unknown }

type Fields = Readonly<Record<string, unknown>>

export const checkTools = (body: Fields): Tools | Refused => {
  const value = body["tools"]
  const choice = body["tool_choice"] ?? undefined
  if (value === undefined || value === null) {
    return choice === undefined || choice === "none"
      ? { _tag: "Tools", list: [], choice: "none", tokens: 0 }
      : invalid(
          "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are specified.",
          "tool_choice"
        )
  }
  if (!Array.isArray(value) || value.length === 0) {
    return invalid(
      "Invalid 'tools': empty array. Expected an array with minimum length 1, but got an empty array instead.",
      "tools",
      "empty_array"
    )
  }
  const list: Array<Tool> = []
  for (const [index, tool] of value.entries()) {
    const read = checkTool(tool, `tools[${index}]`)
    if ("_tag" in read) return read
    list.push(read)
  }
  const named =
    Predicate.isRecord(choice) && Predicate.isRecord(choice["function"]) ? choice["function"]["name"] : undefined
  if (typeof named === "string") {
    return list.some((tool) => tool.name === named)
      ? { _tag: "Tools", list, choice: { name: named }, tokens: Token.count(JSON.stringify(value)) }
      : invalid(`Tool choice '${named}' not found in 'tools' parameter.`, "tool_choice")
  }
  return {
    _tag: "Tools",
    list,
    choice: choice === "none" || choice === "required" ? choice : "auto",
    tokens: Token.count(JSON.stringify(value))
  }
}

const checkTool = (tool: unknown, at: string): Tool | Refused => {
  const definition = Predicate.isRecord(tool) ? tool["function"] : undefined
  if (!Predicate.isRecord(definition)) {
    return invalid(`Missing required parameter: '${at}.function'.`, `${at}.function`, "missing_required_parameter")
  }
  const name = definition["name"]
  if (typeof name !== "string" || !/^[a-zA-Z0-9_-]{1,64}$/.test(name)) {
    return invalid(
      `Invalid '${at}.function.name': string does not match pattern. ` +
        "Expected a string that matches the pattern '^[a-zA-Z0-9_-]+$'.",
      `${at}.function.name`,
      "invalid_value"
    )
  }
  const parameters = definition["parameters"] ?? {}
  const fault = definition["strict"] === true ? strictFault(parameters) : undefined
  if (fault !== undefined) {
    return invalid(
      `Invalid schema for function '${name}': ${fault}`,
      `${at}.function.parameters`,
      "invalid_function_parameters"
    )
  }
  return { name, parameters }
}

export const checkFormat = (value: unknown, messages: ReadonlyArray<Message>): Format | Refused => {
  if (!Predicate.isRecord(value) || value["type"] === "text") return { _tag: "Text" }
  if (value["type"] === "json_object") {
    return messages.some((message) => /json/i.test(message.text))
      ? { _tag: "JsonObject" }
      : invalid(
          "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'.",
          "messages"
        )
  }
  if (value["type"] !== "json_schema") {
    return invalid(
      `Invalid value: '${String(value["type"])}'. Supported values are: 'json_object', 'json_schema', and 'text'.`,
      "response_format.type",
      "invalid_value"
    )
  }
  const format = value["json_schema"]
  if (!Predicate.isRecord(format) || typeof format["name"] !== "string") {
    return invalid(
      "Missing required parameter: 'response_format.json_schema.name'.",
      "response_format.json_schema.name",
      "missing_required_parameter"
    )
  }
  const schema = format["schema"] ?? {}
  const fault = format["strict"] === true ? strictFault(schema) : undefined
  return fault === undefined
    ? { _tag: "JsonSchema", schema }
    : invalid(`Invalid schema for response_format '${format["name"]}': ${fault}`, "response_format")
}
