// The live figures of a lesson's page: <div data-live="strength"></div>, "gram" or "channels".

import { channels } from "./figures/channels.js";
import { gram } from "./figures/gram.js";
import { strength } from "./figures/strength.js";

const FIGURES = { strength, gram, channels };

for (const element of document.querySelectorAll("[data-live]")) FIGURES[element.dataset.live](element);
