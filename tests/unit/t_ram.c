/* t_ram.c - memory limits of control groups, read from trees made for it. */
#include "tests/unit/unit.h"

#include "base/file.h"
#include "base/ram.h"

#include <stdio.h>

/* root/path with a text in it, and the folders above. */
static void put(const char *root, const char *path, const char *text)
{
    char full[1024];
    sk_err e = SK_ERR_INIT;
    (void)snprintf(full, sizeof(full), "%s/%s", root, path);
    char *slash = strrchr(full, '/');
    *slash = 0;
    assert_status_ok(sk_mkdirs(full, &e), e);
    *slash = '/';
    unit_write(full, text, strlen(text));
}

static const char *fresh(const char *name)
{
    static char root[600];
    (void)snprintf(root, sizeof(root), "%s/%s", unit_dir, name);
    return root;
}

static void the_machine_without_groups(void **state)
{
    (void)state;
    sk_ram r = sk_ram_allowed(fresh("none"));
    assert_true(r.bytes > 1 << 20 && !r.group);
    assert_true(sk_ram_allowed("").bytes > 1 << 20);
}

static void the_least_limit_on_the_way_up_counts(void **state)
{
    (void)state;
    const char *root = fresh("v2");
    put(root, "proc/self/cgroup", "0::/a/b\n");
    put(root, "sys/fs/cgroup/a/b/memory.max", "max\n");
    put(root, "sys/fs/cgroup/a/memory.max", "1000000\n");
    sk_ram r = sk_ram_allowed(root);
    assert_true(r.bytes == 1000000 && r.group);
    put(root, "sys/fs/cgroup/a/b/memory.max", "50000\n");
    assert_int_equal(sk_ram_allowed(root).bytes, 50000);
    root = fresh("container"); /* only its own root is to be seen */
    put(root, "proc/self/cgroup", "0::/\n");
    put(root, "sys/fs/cgroup/memory.max", "70000\n");
    assert_int_equal(sk_ram_allowed(root).bytes, 70000);
}

static void version_one(void **state)
{
    (void)state;
    const char *root = fresh("v1");
    put(root, "proc/self/cgroup", "5:cpu,cpuacct:/x\n4:hugetlb,memory:/job/7\nrubbish\n0::/\n");
    put(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
    assert_false(sk_ram_allowed(root).group);
    put(root, "sys/fs/cgroup/memory/job/7/memory.limit_in_bytes", "123456\n");
    sk_ram r = sk_ram_allowed(root);
    assert_true(r.bytes == 123456 && r.group);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_machine_without_groups),
        cmocka_unit_test(the_least_limit_on_the_way_up_counts),
        cmocka_unit_test(version_one),
    };
    return cmocka_run_group_tests(tests, unit_dir_make, unit_dir_remove);
}
