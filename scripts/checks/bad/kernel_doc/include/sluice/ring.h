/* SPDX-License-Identifier: GPL-2.0-only */
struct naked {
	int a;
};

/**
 * struct partial - a member is not described
 * @a: described
 */
struct partial {
	int a;
	int b;
};

/* A plain comment is no kernel-doc. */
enum plain {
	PLAIN,
};

/**
 * no_return - does not say what it returns
 * @a: a number
 *
 * Context: any.
 */
static __always_inline int no_return(int a)
{
	return a;
}

/**
 * no_context - does not say where it may run
 */
static inline void no_context(void)
{
}

/**
 * complete - says everything
 * @a: a number
 *
 * Context: any.
 * Return: the number.
 */
static inline int complete(int a)
{
	return a;
}

static inline struct naked *bare(void)
{
	return NULL;
}
