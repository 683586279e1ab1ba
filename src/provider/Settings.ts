/**
 * Checks of what a provider's layer is given: a mistake ends in a `ConfigError` when the layer is built. It names the
 * option or the variable, and never shows a secret.
 */
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"

/** An option, or what stands in the configuration where it was not given, or nothing. */
export const optional = <A>(given: A | undefined, variable: Config.Config<A>): Config.Config<A | undefined> =>
  given === undefined ? Config.map(Config.option(variable), Option.getOrUndefined) : Config.succeed(given)

type Checked<A> = Effect.Effect<A, ConfigError.ConfigError>

const firstPath = (error: ConfigError.ConfigError): ReadonlyArray<string> =>
  error._op === "And" || error._op === "Or" ? firstPath(error.left) : error.path

/** What the configuration must have. Effect's own words of a key that is missing are "<redacted>". */
export const required = <A>(name: string, variable: Config.Config<A>): Checked<A> =>
  Effect.mapError(variable, (error) =>
    ConfigError.isMissingDataOnly(error)
      ? ConfigError.MissingData([...firstPath(error)], `set ${name}, or give it as an option: it has no default`)
      : error
  )

const invalid = (name: string, message: string): Checked<never> => Effect.fail(ConfigError.InvalidData([name], message))

/** What goes into a header as it is: visible ASCII without blanks. */
export const isKey = (text: string): boolean => /^[\x21-\x7e]+$/.test(text)

/** A key goes into a header. */
export const key = (name: string, value: Redacted.Redacted): Checked<Redacted.Redacted> => {
  const text = Redacted.value(value)
  if (text === "") return invalid(name, "the key is empty")
  return isKey(text)
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

/** A `baseUrl` of the chat-completions family, as it is pasted from a page that shows whole URLs. */
export const apiBaseUrl = (name: string, value: string): Checked<string> =>
  Effect.filterOrElse(
    baseUrl(name, value),
    (url) => !url.endsWith("/chat/completions"),
    () => invalid(name, "the URL must end before /chat/completions, which is put behind it")
  )

/** A `baseUrl` that no one on the way can listen to: https, or a server on this machine. */
export const secureUrl = (name: string, value: string): Checked<string> =>
  Effect.filterOrElse(
    baseUrl(name, value),
    (url) => url.startsWith("https:") || isLoopback(new URL(url).hostname),
    () => invalid(name, "the URL must begin with https://: a key or a token goes there")
  )

const isLoopback = (host: string): boolean =>
  host === "localhost" || host.endsWith(".localhost") || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host)

/** Not empty, not `.` or `..` (which are no names in a URL), no blanks around it, nothing in it that cannot be sent. */
export const isName = (value: string): boolean =>
  !/^\.{0,2}$|\p{Control}|\p{Surrogate}/u.test(value) && value === value.trim()

/** What is wrong with a name, as the end of a sentence. */
export const nameRule = "name is empty, or has blanks around it or control characters in it"

/** The name of a model, an organization, …. */
export const name = (option: string, value: string): Checked<string> =>
  isName(value) ? Effect.succeed(value) : invalid(option, `the ${nameRule}`)

/** The name of the first header that cannot be sent as it stands, if any. Values are visible ASCII and blanks. */
export const badHeader = (headers: Readonly<Record<string, string>>): string | undefined =>
  Object.entries(headers).find(
    ([header, value]) => !/^[!#$%&'*+.^`|~\w-]+$/.test(header) || !/^[\x20-\x7e]*$/.test(value)
  )?.[0]

/** What is wrong with a header, as the end of a sentence. */
export const headerRule = "header has a name or a value that cannot be sent: a line break, or a character beyond ASCII"

/** One of a few words. */
export const oneOf = <A extends string>(option: string, value: string, allowed: ReadonlyArray<A>): Checked<A> => {
  const found = allowed.find((word) => word === value)
  return found === undefined ? invalid(option, `it must be ${allowed.join(" or ")}`) : Effect.succeed(found)
}

/** Headers that go out with every request. */
export const headers = <H extends Readonly<Record<string, string>>>(value: H): Checked<H> => {
  const bad = badHeader(value)
  return bad === undefined ? Effect.succeed(value) : invalid(`headers.${bad}`, `the ${headerRule}`)
}
