import { ConversationTemplate } from "effect-llm"
import { laws } from "../laws.js"
import { httpClients, onSimulator } from "../worlds.js"

const chatml = ConversationTemplate.policy(ConversationTemplate.make(ConversationTemplate.presets.chatml))

laws(onSimulator("OpenAi with a conversation template", httpClients["effect-llm/node"], chatml, { callsTools: false }))
