/** The quick tests of this room, in one process. */
import { runRoom } from '../room.js';

runRoom(import.meta.dirname);
