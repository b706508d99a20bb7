/** Versions of what state keeps: each step leads to the next. The compiler is the test. */
import { bytes, job, json, map, number, string, topic, value, versions } from 'millrace';

interface Click {
  readonly user: string;
  readonly at: number;
}

interface Cart2 {
  readonly items: readonly string[];
}

interface Cart3 {
  readonly items: readonly { readonly name: string; readonly count: number }[];
}

const clicks = topic('clicks', { key: string(), value: json<Click>() });
const results = topic('results', { key: string(), value: json<string>() });

const carts = versions<string>()
  .to<Cart2>((text) => ({ items: text.split(',') }))
  .to<Cart3>(({ items }) => ({ items: items.map((name) => ({ name, count: 1 })) }));
const users = versions(string()).to((user) => ({ user }));
const pages = versions<number>(number()).to(String, { codec: string() });

// @ts-expect-error the step from version 2 to 3 is missing: the first one makes a Cart2
const missing: typeof carts = versions<string>().to<Cart2>((text) => ({ items: [text] }));
// @ts-expect-error a step takes what the one before it makes
versions<string>().to<Cart3>(({ items }) => ({ items }));
// @ts-expect-error what a step makes is what its version is said to be
versions<string>().to<Cart2>((text) => ({ item: text }));
// @ts-expect-error the codec of a version keeps what its step makes
versions<string>().to((text) => text.length, { codec: bytes() });
// @ts-expect-error the first codec keeps the first version
versions<number>(string());

export const keeping = job('keeping', ({ from }) => {
  from(clicks)
    .keyBy(({ user }) => ({ user }), { key: users })
    .process({
      state: { cart: value(carts), pages: map({ key: pages, value: number() }) },
      onRecord(click, { key, state }) {
        const user: string = key.user;
        state.cart.set({ items: [{ name: user, count: click.at }] });
        state.pages.set('home', 1);
        // @ts-expect-error state holds the newest version
        state.cart.set({ items: ['home'] });
        // @ts-expect-error items are of the newest version
        state.pages.set(1, 1);
        return [state.cart.get()?.items[0]?.name ?? ''];
      },
    })
    .to(results, { key: (text) => text });
  // @ts-expect-error keys are of the newest version
  from(clicks).keyBy(({ user }) => user, { key: users });
  // @ts-expect-error the state holds carts of version 3
  value<string>(carts);
});

export const unused = missing;
