/* SPDX-License-Identifier: Apache-2.0 */
#include "service/credentials.h"

#include <string.h>

enum { LOCAL_MAX = 64, LABEL_MAX = 63 };

static bool is_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* RFC 5322's dot-atom; quoted local parts are refused, nobody has one. */
static bool is_local(struct str s)
{
    if (s.n == 0 || s.n > LOCAL_MAX || s.p[0] == '.' || s.p[s.n - 1] == '.')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' && s.p[i + 1] == '.')
            return false;
        if (s.p[i] == '\0' || (!is_alnum(s.p[i]) && !strchr(".!#$%&'*+/=?^_`{|}~-", s.p[i])))
            return false;
    }
    return true;
}

static bool is_label(struct str s)
{
    if (s.n == 0 || s.n > LABEL_MAX || s.p[0] == '-' || s.p[s.n - 1] == '-')
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_alnum(s.p[i]) && s.p[i] != '-')
            return false;
    }
    return true;
}

/* A single label is a host of the local network. */
static bool is_domain(struct str s)
{
    do {
        if (!is_label(str_cut(&s, '.')))
            return false;
    } while (s.p);
    return true;
}

enum status credentials_email(struct str text, struct arena *a, struct str *ret, struct err *err)
{
    struct str email = str_trim(text);
    char *lower = email.n <= EMAIL_MAX ? arena_strz(a, email) : NULL;
    for (size_t i = 0; lower && i < email.n; i++) {
        if (lower[i] >= 'A' && lower[i] <= 'Z')
            lower[i] = (char)(lower[i] - 'A' + 'a');
    }
    struct str domain = {lower, lower ? email.n : 0};
    struct str local = str_cut(&domain, '@');
    if (!lower || !is_local(local) || !domain.p || !is_domain(domain))
        return err_field(err, "invalid_email", "email",
                         "email must be an address such as name@example.com");
    *ret = (struct str){lower, email.n};
    return OK;
}

enum status credentials_password(struct str text, const char *field, struct err *err)
{
    if (text.n < PASSWORD_MIN || text.n > PASSWORD_MAX)
        return err_field(err, "invalid_password", field, "%s must have %d to %d bytes", field,
                         PASSWORD_MIN, PASSWORD_MAX);
    return OK;
}
