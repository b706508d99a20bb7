/**
 * How values pass from one task of a job to another: JSON where that gives them back, else
 * structured clone. A value that neither gives back, such as an object of a class, is refused: it
 * would come to the next step as something else.
 */
import { type Codec, json, structured } from '../../formats/index.ts';
import { isMillraceError, MillraceError } from '../../platform/index.ts';

const [plain, cloned] = [json<unknown>(), structured<unknown>()];

/** What V8's serializer begins with; no JSON does. */
const clonedMark = 0xff;

export const passing: Codec<unknown> = {
  name: 'passing',
  text: false,
  encode(value) {
    try {
      return plain.encode(value);
    } catch (error) {
      if (!isMillraceError(error, 'ENCODE')) throw error;
    }
    try {
      return cloned.encode(value);
    } catch (cause) {
      throw new MillraceError(
        'ENCODE',
        'the value has to pass to another task of the job, and would come there as something ' +
          'else. Turn it into plain objects with map() before keyBy(), or run the job with one ' +
          'task',
        { cause },
      );
    }
  },
  decode: (bytes, start, end) =>
    (bytes[start] === clonedMark ? cloned : plain).decode(bytes, start, end),
};
