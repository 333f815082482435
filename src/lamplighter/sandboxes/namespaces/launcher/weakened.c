/* Only in the launcher that the escape suite compiles for itself: leaves single defences out, to show that a probe gets
 * through without the one it tests. The product's launcher is compiled without any of this.
 *
 * The binary's name says what to leave out: `launcher-without-filter+nested`. "power" leaves the function root with
 * every capability; the other names are those of the defences.
 */
#include "launcher.h"

#ifdef LAMPLIGHTER_WEAKENED

#include <errno.h>
#include <fcntl.h>
#include <string.h>

bool defended(const char *defence) {
    size_t length = strlen(defence);
    const char *list = strstr(program_invocation_short_name, "-without-");
    for (const char *word = list == NULL ? NULL : list + 8; word != NULL; word = strchr(word, '+')) {
        word++;
        if (strncmp(word, defence, length) == 0 && (word[length] == '+' || word[length] == '\0')) return false;
    }
    return true;
}

void plant_leak(void) {
    /* The mistake of CVE-2024-21626: a directory of the host, open and not closed on exec. */
    if (open("/", O_RDONLY | O_DIRECTORY) < 0) fail("open /");
}

#endif
