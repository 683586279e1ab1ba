/** Readable nonsense: English sentences of simple grammar, chosen by the seed. */
import type { Choices } from "./Seed.js"
import * as Token from "./Token.js"

const adjectives = [
  "quiet",
  "careful",
  "early",
  "bright",
  "patient",
  "distant",
  "simple",
  "steady",
  "warm",
  "honest",
  "narrow",
  "gentle",
  "curious",
  "modest",
  "broad",
  "hidden",
  "sudden",
  "ordinary",
  "useful",
  "silver"
] as const

const nouns = [
  "harbour",
  "engine",
  "letter",
  "garden",
  "teacher",
  "river",
  "signal",
  "market",
  "window",
  "answer",
  "question",
  "mountain",
  "library",
  "captain",
  "machine",
  "morning",
  "bridge",
  "village",
  "message",
  "record",
  "station",
  "neighbour"
] as const

const verbs = [
  "keeps",
  "finds",
  "follows",
  "explains",
  "remembers",
  "carries",
  "measures",
  "welcomes",
  "repairs",
  "describes",
  "crosses",
  "supports",
  "improves",
  "watches",
  "gathers",
  "connects"
] as const

const places = [
  "in the north",
  "by the old road",
  "near the coast",
  "at the end of the day",
  "under a clear sky",
  "after the rain",
  "before dawn",
  "with great care",
  "for the first time",
  "without any haste",
  "across the valley",
  "in plain words"
] as const

const openings = [
  "In short,",
  "As a rule,",
  "On most days,",
  "For example,",
  "In practice,",
  "Above all,",
  "By comparison,",
  "Even so,"
] as const

const links = ["and", "while", "because", "so"] as const

const nounPhrase = (choose: Choices): string =>
  choose.next() < 0.6 ? `the ${choose.pick(adjectives)} ${choose.pick(nouns)}` : `the ${choose.pick(nouns)}`

const clause = (choose: Choices): string => `${nounPhrase(choose)} ${choose.pick(verbs)} ${nounPhrase(choose)}`

const sentence = (choose: Choices): string => {
  const shape = choose.next()
  const body =
    shape < 0.4
      ? `${clause(choose)} ${choose.pick(places)}`
      : shape < 0.7
        ? `${clause(choose)} ${choose.pick(links)} ${clause(choose)}`
        : `${choose.pick(openings)} ${clause(choose)}`
  return `${body.charAt(0).toUpperCase()}${body.slice(1)}.`
}

/** Whole sentences, from 24 to about 120 tokens. */
export const paragraph = (choose: Choices): string => {
  const enough = choose.integer(24, 105)
  let text = sentence(choose)
  let tokens = Token.count(text)
  while (tokens < enough) {
    const next = ` ${sentence(choose)}`
    tokens += Token.count(next)
    text += next
  }
  return text
}

/** One to three words, for a string inside a structured answer. */
export const phrase = (choose: Choices): string => {
  const shape = choose.next()
  return shape < 0.4
    ? choose.pick(nouns)
    : shape < 0.8
      ? `${choose.pick(adjectives)} ${choose.pick(nouns)}`
      : `${choose.pick(adjectives)} ${choose.pick(nouns)} ${choose.pick(places)}`
}
