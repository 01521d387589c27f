/*
 * The clock of a User-Mode Linux guest, for linux.uml by LD_PRELOAD: time that does not pass while the
 * guest stands still.
 *
 * The guest is a process with one processor, and what else runs on this computer takes that away for
 * hundreds of milliseconds at a time. Seen from inside, all machines of the lab freeze at once, every
 * timeout has passed when they wake, and a test that counts lost requests counts the neighbours.
 *
 * So the guest gets its time from here (the kernel's name for the idea is time-travel mode, which Debian's
 * build leaves out):
 *   - While it works, its clock runs some times slower than the real one: its processor looks faster. A
 *     page fault costs User-Mode Linux some 50 us, a hundred times what it costs a real kernel.
 *   - A gap between two looks at the clock counts as GAP_MAX at most: the guest was not running then.
 *   - When all of it waits for a timer, its clock jumps to that moment. Nothing outside can wake it: its
 *     files are hostfs, which is synchronous, and its network is inside.
 *
 * linux.uml (arch/um/os-Linux/time.c) takes its time from clock_gettime(CLOCK_MONOTONIC), has one timer
 * relative to now that sends SIGALRM, and idles in sigsuspend with SIGALRM blocked around it.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#define NS_PER_S 1000000000LL
/* A busy guest looks at its clock at each tick, HZ=100 of its own seconds: this and a little. Its ns. */
#define GAP_MAX 15000000LL

/* How much slower time passes for a guest that works: GUEST_SLOWDOWN of the environment. */
static int slowdown;

static int (*real_gettime)(clockid_t, struct timespec *);
static int (*real_settime)(timer_t, int, const struct itimerspec *, struct itimerspec *);
static int (*real_suspend)(const sigset_t *);

/* The guest's monotonic time, ns, and the real one at the last look. */
static long long guest_ns, looked_ns;
/* When the guest's timer is due, 0 for never, and every how many ns again, 0 for once; guest's time. */
static long long due_ns, every_ns;
static timer_t timer;

static long long read_ns(const struct timespec *at) { return at->tv_sec * NS_PER_S + at->tv_nsec; }

static struct timespec as_timespec(long long ns) {
  return (struct timespec){.tv_sec = ns / NS_PER_S, .tv_nsec = ns % NS_PER_S};
}

static long long look(void) {
  struct timespec at;
  real_gettime(CLOCK_MONOTONIC, &at);
  return read_ns(&at);
}

__attribute__((constructor)) static void start(void) {
  real_gettime = dlsym(RTLD_NEXT, "clock_gettime");
  real_settime = dlsym(RTLD_NEXT, "timer_settime");
  real_suspend = dlsym(RTLD_NEXT, "sigsuspend");
  guest_ns = looked_ns = look();
  const char *wanted = getenv("GUEST_SLOWDOWN");
  slowdown = wanted == NULL ? 0 : atoi(wanted);
  if (slowdown < 1) abort();
}

/* The guest's time now. A signal may come in the middle and ask too: it never goes back. */
static long long guest_now(void) {
  long long real = look();
  long long gap = real - __atomic_exchange_n(&looked_ns, real, __ATOMIC_SEQ_CST);
  if (gap < 0) gap = 0;
  if (gap > GAP_MAX * slowdown) gap = GAP_MAX * slowdown;
  return __atomic_add_fetch(&guest_ns, gap / slowdown, __ATOMIC_SEQ_CST);
}

int clock_gettime(clockid_t clock, struct timespec *at) {
  if (clock != CLOCK_MONOTONIC) return real_gettime(clock, at);
  *at = as_timespec(guest_now());
  return 0;
}

static int set_real(long long after_ns) {
  struct itimerspec real = {
      .it_value = as_timespec(after_ns),
      .it_interval = as_timespec(every_ns * slowdown),
  };
  return real_settime(timer, 0, &real, NULL);
}

int timer_settime(timer_t id, int flags, const struct itimerspec *to, struct itimerspec *was) {
  (void)flags, (void)was;
  long long after_ns = read_ns(&to->it_value);
  timer = id;
  every_ns = read_ns(&to->it_interval);
  due_ns = after_ns == 0 ? 0 : guest_now() + after_ns;
  return set_real(after_ns * slowdown);
}

/* Only called while the timer runs and SIGALRM is blocked. */
int sigsuspend(const sigset_t *mask) {
  if (due_ns != 0) {
    guest_now();
    if (guest_ns < due_ns) guest_ns = due_ns;
    due_ns = every_ns == 0 ? 0 : guest_ns + every_ns;
    /* At once. No kill(2): it adds nothing to a signal of the timer that is pending, and to set the timer
     * again takes that one back (Linux 6.13 and later), so that both would be lost. */
    set_real(1);
  }
  int result = real_suspend(mask);
  looked_ns = look();
  return result;
}
