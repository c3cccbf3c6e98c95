/* t_mpi.c - processes that are too many, gone, out of reach: a library of Open MPI's interface that
 * is made here, and found by its name once it is loaded. */
#include "tests/unit/unit.h"

#include "base/mpi.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

/* Nothing is sent: a receive is filled by what the test put into `peer`, if that fits. */
static const char source[] =
    "#include <string.h>\n"
    "char ompi_mpi_comm_world[8], ompi_mpi_byte[8], ompi_mpi_errors_return[8];\n"
    "int stub_size = 2, stub_init, stub_send, stub_silent;\n"
    "struct { char host[64]; long long pid; } stub_peer;\n"
    "int MPI_Init(int *a, char ***b) { (void)a; (void)b; return stub_init; }\n"
    "int MPI_Finalize(void) { return 0; }\n"
    "int MPI_Comm_rank(void *c, int *r) { (void)c; *r = 0; return 0; }\n"
    "int MPI_Comm_size(void *c, int *n) { (void)c; *n = stub_size; return 0; }\n"
    "int MPI_Comm_set_errhandler(void *c, void *h) { (void)c; (void)h; return 0; }\n"
    "int MPI_Isend(const void *p, int n, void *t, int to, int g, void *c, void **r)\n"
    "{ (void)p; (void)n; (void)t; (void)to; (void)g; (void)c; *r = 0; return stub_send; }\n"
    "int MPI_Irecv(void *p, int n, void *t, int from, int g, void *c, void **r)\n"
    "{ (void)t; (void)from; (void)g; (void)c; *r = 0;\n"
    "  if (n == (int)sizeof stub_peer) memcpy(p, &stub_peer, sizeof stub_peer); return 0; }\n"
    "int MPI_Testall(int n, void **r, int *done, void *s)\n"
    "{ (void)n; (void)r; (void)s; *done = !stub_silent; return 0; }\n";

static void *lib;

static int *stub(const char *name)
{
    int *p = dlsym(lib, name);
    assert_non_null(p);
    return p;
}

/* The library, loaded for all to see; without a compiler there is none. */
static int load_stub(void **state)
{
    sk_buf out = SK_BUF_INIT;
    if (unit_dir_make(state) != 0) return -1;
    if (!unit_have("cc")) return 0;
    unit_write(unit_path(unit_dir, "mpi.c"), source, sizeof source - 1);
    int rc = unit_shell("cd \"$1\" && cc -shared -fPIC -Wl,-soname,libmpi.so.40 -o stub.so mpi.c",
                        unit_dir, &out);
    sk_buf_fini(&out);
    if (rc == 0) lib = dlopen(unit_path(unit_dir, "stub.so"), RTLD_NOW | RTLD_GLOBAL);
    return rc == 0 && lib ? 0 : -1;
}

/* As nobody has changed it yet; skips the test where there is no library. */
static void begin(void)
{
    if (!lib) skip();
    *stub("stub_size") = 2;
    *stub("stub_init") = *stub("stub_send") = *stub("stub_silent") = 0;
    char *host = (char *)(void *)stub("stub_peer");
    memset(host, 0, 64 + sizeof(int64_t));
    assert_int_equal(gethostname(host, 63), 0);
    memcpy(host + 64, &(int64_t){getpid()}, sizeof(int64_t));
}

static sk_mpi *opened(void)
{
    sk_mpi *m = NULL;
    sk_err e = SK_ERR_INIT;
    assert_status_ok(sk_mpi_open(&m, &e), e);
    return m;
}

static void nobody(void **state)
{
    (void)state;
    assert_int_equal(sk_mpi_size(NULL), 1);
    assert_int_equal(sk_mpi_rank(NULL), 0);
    assert_int_equal(sk_mpi_local(NULL), 1);
    assert_false(sk_mpi_gave_up(NULL));
    sk_mpi_give_up(NULL);
    sk_mpi_close(NULL, true);
}

static void who_started_it(void **state)
{
    (void)state;
    static const char *const name[] = {"OMPI_COMM_WORLD_SIZE", "PMIX_RANK", "SLURM_NTASKS"};
    for (size_t i = 0; i < 3; i++)
        (void)unsetenv(name[i]);
    assert_false(sk_mpi_started());
    (void)setenv("SLURM_NTASKS", "4", 1); /* a batch script is no process of a run */
    assert_false(sk_mpi_started());
    (void)setenv("PMIX_RANK", "0", 1);
    assert_true(sk_mpi_started());
    (void)setenv("OMPI_COMM_WORLD_SIZE", "1", 1);
    assert_false(sk_mpi_started());
    (void)setenv("OMPI_COMM_WORLD_SIZE", "many", 1);
    assert_false(sk_mpi_started());
    for (size_t i = 0; i < 3; i++)
        (void)unsetenv(name[i]);
}

static void a_start_that_fails(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_mpi *m = (sk_mpi *)(void *)&e;
    begin();
    *stub("stub_init") = 1;
    assert_status(sk_mpi_open(&m, &e), SK_E_IO, e, "can't be started");
    assert_ptr_equal(m, &e);
}

/* Everybody tells everybody at once, and there is room for so many messages. */
static void too_many(void **state)
{
    (void)state;
    sk_err e = SK_ERR_INIT;
    sk_mpi *m = NULL;
    begin();
    *stub("stub_size") = 513;
    assert_status(sk_mpi_open(&m, &e), SK_E_UNSUPPORTED, e, "512");
    *stub("stub_size") = 1 << 30;
    assert_status(sk_mpi_open(&m, &e), SK_E_UNSUPPORTED, e, "1073741824");
    assert_null(m);
    *stub("stub_size") = 512;
    m = opened();
    assert_int_equal(sk_mpi_size(m), 512);
    assert_int_equal(sk_mpi_local(m), 512);
    sk_mpi_close(m, true);
}

static void out_of_reach(void **state)
{
    (void)state;
    char byte = 0;
    sk_err e = SK_ERR_INIT;
    begin();
    sk_mpi *m = opened();
    const sk_mpi_part part = {&byte, 1, 1, true};
    assert_status_ok(sk_mpi_exchange(m, &part, 1, 0, &e), e);
    assert_status_ok(sk_mpi_exchange(m, NULL, 0, 0, &e), e);
    *stub("stub_send") = 1;
    assert_status(sk_mpi_exchange(m, &part, 1, 0, &e), SK_E_REQUEUE, e, "process 1 can't be");
    *stub("stub_send") = 0;
    sk_mpi_give_up(m);
    assert_true(sk_mpi_gave_up(m));
    assert_status(sk_mpi_exchange(m, &part, 1, 0, &e), SK_E_REQUEUE, e, "has ended");
    sk_mpi_close(m, false);
}

/* A process of this machine that died is named while the others wait for it. */
static void gone(void **state)
{
    (void)state;
    char byte = 0, name[40];
    sk_err e = SK_ERR_INIT;
    begin();
    pid_t pid = fork();
    if (pid == 0) _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    memcpy((char *)(void *)stub("stub_peer") + 64, &(int64_t){pid}, sizeof(int64_t));
    sk_mpi *m = opened();
    assert_int_equal(sk_mpi_local(m), 2);
    *stub("stub_silent") = 1;
    (void)snprintf(name, sizeof name, "process 1 of 2 (%ld) is gone", (long)pid);
    const sk_mpi_part part = {&byte, 1, 1, false};
    assert_status(sk_mpi_exchange(m, &part, 1, 0, &e), SK_E_REQUEUE, e, name);
    sk_mpi_close(m, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody),       cmocka_unit_test(who_started_it),
        cmocka_unit_test(too_many),     cmocka_unit_test(a_start_that_fails),
        cmocka_unit_test(out_of_reach), cmocka_unit_test(gone),
    };
    return cmocka_run_group_tests(tests, load_stub, unit_dir_remove);
}
