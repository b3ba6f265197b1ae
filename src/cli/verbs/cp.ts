/** `regalia cp`: copies an entry; what is equal is stored once. */
import { transferVerb } from '../open.js';

export default transferVerb('cp', 'copy');
