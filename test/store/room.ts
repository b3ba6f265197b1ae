/** The quick tests of this room, in one process. */
import { runRoom } from '../room.js';

await runRoom(import.meta.dirname);
