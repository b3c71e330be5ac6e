/** `embed.js`: the element for foreign pages and sandboxed frames, as one classic script. */
import './element';
