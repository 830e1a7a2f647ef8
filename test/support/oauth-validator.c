/*
 * A validator of OAuth tokens for PostgreSQL 18: the token "good-for-<role>" is valid for that role, "broken" makes
 * the validator fail, and no other token is good. It declares the few parts of the server's interface that it uses,
 * so building it needs a compiler but no headers of PostgreSQL. Interface: PostgreSQL manual, "OAuth Validator
 * Modules", and "Dynamic Loading" of C functions.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct module_magic {
  int length;
  struct {
    int major, function_arguments, index_keys, name_bytes, float8_by_value;
    char product[32];
  } abi;
  const char *name, *version;
};

static const struct module_magic magic = {sizeof(struct module_magic), {1800, 100, 32, 64, 1, "PostgreSQL"}, "test", "1"};

const struct module_magic *Pg_magic_func(void) { return &magic; }

struct verdict {
  bool authorized;
  char *identity;
};

struct validator {
  uint32_t magic;
  void (*start)(void *);
  void (*stop)(void *);
  bool (*validate)(const void *, const char *token, const char *role, struct verdict *);
};

/* The server's own, found when the library is loaded. */
extern char *pstrdup(const char *text);

static bool validate(const void *state, const char *token, const char *role, struct verdict *verdict) {
  static const char prefix[] = "good-for-";
  (void)state;
  if (strcmp(token, "broken") == 0) return false;
  verdict->authorized = strncmp(token, prefix, strlen(prefix)) == 0 && strcmp(token + strlen(prefix), role) == 0;
  if (verdict->authorized) verdict->identity = pstrdup(role);
  return true;
}

const struct validator *_PG_oauth_validator_module_init(void) {
  static const struct validator validator = {0x20250220, NULL, NULL, validate};
  return &validator;
}
