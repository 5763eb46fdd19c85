// SPDX-License-Identifier: GPL-2.0-only
/*
 * Does once what a watcher of the kernel exists for, each time it is loaded.
 * That is the proof that a kernel watches, and that its report is recognised.
 */

#include <linux/delay.h>
#include <linux/device.h>
#include <linux/dma-mapping.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/rculist.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timer.h>

#define SIZE 64
#define RACE_MS 3000

static char *misdeed;
module_param(misdeed, charp, 0);
MODULE_PARM_DESC(misdeed, "name of the misdeed");

static u8 table[SIZE];
/* The compiler must not see what is wrong. */
static volatile unsigned int beyond = SIZE;
static unsigned int raced;

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

static void use_after_free(void)
{
	volatile u8 *memory = kzalloc(SIZE, GFP_KERNEL);

	if (!memory)
		return;
	kfree((void *)memory);
	pr_info("read %u\n", memory[0]);
}

static void out_of_bounds(void)
{
	volatile u8 *memory = kzalloc(SIZE, GFP_KERNEL);

	if (!memory)
		return;
	memory[beyond] = 1;
	kfree((void *)memory);
}

static void array_index(void)
{
	pr_info("read %u\n", table[beyond]);
}

static void leak(void)
{
	pr_info("lost %p\n", kzalloc(SIZE, GFP_KERNEL));
}

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void lock_in_interrupt(void)
{
	unsigned long flags;

	local_irq_save(flags);
	lockdep_hardirq_enter();
	spin_lock(&spin);
	spin_unlock(&spin);
	lockdep_hardirq_exit();
	local_irq_restore(flags);
	spin_lock(&spin);
	spin_unlock(&spin);
}

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	msleep(20);
	spin_unlock(&spin);
}

static void rcu_unlocked(void)
{
	static void __rcu *pointer;

	pr_info("pointer %p\n", rcu_dereference(pointer));
}

static void count_below_zero(void)
{
	refcount_t count = REFCOUNT_INIT(1);

	refcount_dec(&count);
}

static void on_timer(struct timer_list *timer)
{
}

static void free_active_timer(void)
{
	struct timer_list *timer = kzalloc(sizeof(*timer), GFP_KERNEL);

	if (!timer)
		return;
	timer_setup(timer, on_timer, 0);
	mod_timer(timer, jiffies + 3600 * HZ);
	kfree(timer);
}

static void delete_twice(void)
{
	static LIST_HEAD(list);
	static struct list_head entry;

	list_add(&entry, &list);
	list_del(&entry);
	list_del(&entry);
}

/* Unmaps half of what it has mapped. */
static void dma_half(void)
{
	struct platform_device *pdev;
	void *memory = kzalloc(SIZE, GFP_KERNEL);
	dma_addr_t address;

	pdev = platform_device_register_simple("misdeeds", -1, NULL, 0);
	if (IS_ERR(pdev) || !memory)
		return;
	dma_coerce_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	address = dma_map_single(&pdev->dev, memory, SIZE, DMA_TO_DEVICE);
	if (!dma_mapping_error(&pdev->dev, address))
		dma_unmap_single(&pdev->dev, address, SIZE / 2, DMA_TO_DEVICE);
	platform_device_unregister(pdev);
	kfree(memory);
}

static int count_up(void *unused)
{
	while (!kthread_should_stop()) {
		raced++;
		cond_resched();
	}
	return 0;
}

/* Two CPUs of sluice_race() at the same counter: judged like the driver's. */
static void sluice_race(void)
{
	struct task_struct *one = kthread_run(count_up, NULL, "sluice_one");
	struct task_struct *two = kthread_run(count_up, NULL, "sluice_two");

	msleep(RACE_MS);
	if (!IS_ERR(one))
		kthread_stop(one);
	if (!IS_ERR(two))
		kthread_stop(two);
}

static const struct {
	const char *name;
	void (*run)(void);
} misdeeds[] = {
	{ "use_after_free", use_after_free },
	{ "out_of_bounds", out_of_bounds },
	{ "array_index", array_index },
	{ "leak", leak },
	{ "lock_order", lock_order },
	{ "lock_in_interrupt", lock_in_interrupt },
	{ "sleep_in_atomic", sleep_in_atomic },
	{ "rcu_unlocked", rcu_unlocked },
	{ "count_below_zero", count_below_zero },
	{ "free_active_timer", free_active_timer },
	{ "delete_twice", delete_twice },
	{ "dma_half", dma_half },
	{ "race", sluice_race },
};

static int __init misdeeds_init(void)
{
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(misdeeds); i++) {
		if (misdeed && !strcmp(misdeed, misdeeds[i].name)) {
			misdeeds[i].run();
			return 0;
		}
	}
	pr_err("no misdeed=%s\n", misdeed);
	return -EINVAL;
}

static void __exit misdeeds_exit(void)
{
}

module_init(misdeeds_init);
module_exit(misdeeds_exit);
MODULE_DESCRIPTION("Does what a watcher of the kernel must report");
MODULE_LICENSE("GPL");
