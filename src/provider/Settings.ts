/**
 * Checks of what a provider's layer is given: a mistake ends in a `ConfigError` when the layer is built. It names the
 * option or the variable, and never shows a secret.
 */
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"

type Checked<A> = Effect.Effect<A, ConfigError.ConfigError>

const invalid = (name: string, message: string): Checked<never> => Effect.fail(ConfigError.InvalidData([name], message))

/** A key goes into a header: it must be visible ASCII without blanks. */
export const key = (name: string, value: Redacted.Redacted): Checked<Redacted.Redacted> => {
  const text = Redacted.value(value)
  if (text === "") return invalid(name, "the key is empty")
  return /^[\x21-\x7e]+$/.test(text)
    ? Effect.succeed(value)
    : invalid(name, "the key holds a blank, a line break or a character that no header takes: was it pasted whole?")
}

/** An http or https URL, without its trailing slash. */
export const baseUrl = (name: string, value: string): Checked<string> => {
  if (!URL.canParse(value)) return invalid(name, "this is no URL: it must look like https://host/path")
  const { href, password, protocol, username } = new URL(value)
  if (protocol !== "http:" && protocol !== "https:") return invalid(name, "the URL must begin with https:// or http://")
  if (username !== "" || password !== "") return invalid(name, "the URL must not hold a user or a password")
  if (/[?#]/.test(href)) return invalid(name, "the URL must end with its path, without ? and #")
  // As the parser reads it: without the blanks and line breaks that a pasted one has around it.
  return Effect.succeed(href.replace(/\/+$/, ""))
}

/** The name of a model, an organization, …: not empty, no blanks around it, no control characters. */
export const name = (option: string, value: string): Checked<string> =>
  // oxlint-disable-next-line no-control-regex -- control characters are what this looks for
  value === "" || value !== value.trim() || /[\x00-\x1f\x7f]/.test(value)
    ? invalid(option, "the name is empty, or has blanks around it or control characters in it")
    : Effect.succeed(value)
